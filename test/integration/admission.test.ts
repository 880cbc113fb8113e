import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { redisKeys } from '#common/contracts/names';
import { broadcastSchema } from '#common/contracts/segment';
import { workerCapacitySchema, type WorkerCapacity } from '#common/contracts/worker-capacity';
import { createLogger } from '#common/logger';
import { milliseconds } from '#common/time';
import { watchCapacity } from '../../transcoder/capacity.ts';
import { trySlowness } from '../../transcoder/cost-trial.ts';
import { findHost } from '../../transcoder/host.ts';
import { SimulatedSession } from '../unit/scheduler/simulated-feed.ts';
import { SchedulerBench, call, eventually, type TestScheduler } from './scheduler-harness.ts';
import { ENCODER } from './transcoder-harness.ts';

const LADDER = {
  video: [
    { height: 720, maxBitrateBps: 3_500_000 },
    { height: 360, maxBitrateBps: 900_000 },
  ],
  audio: { bitrateBps: 128_000 },
};

let bench: SchedulerBench;
let scheduler: TestScheduler;

beforeAll(async () => {
  bench = await SchedulerBench.open();
  scheduler = await bench.start();
});

afterAll(async () => {
  await scheduler.close();
  await bench.close();
});

/** A worker's heartbeat that stays fresh for as long as the test. */
async function tellWorker(capacity: WorkerCapacity): Promise<void> {
  const record = {
    id: 'w-1',
    service: 'transcoder',
    url: 'http://127.0.0.1:1',
    pid: 1,
    ready: true,
    startedAt: 0,
    at: Date.now() + 3_600_000,
    detail: { task: null, ...capacity },
  };
  await bench.redis.hset(redisKeys.services, record.id, JSON.stringify(record));
}

/** Publishes a 720p feed until the channel is on air; it stays there until the feed's end. */
async function broadcastOf(id: string, settings: Record<string, unknown>) {
  expect(
    (await call(scheduler, 'POST', '/v1/channels', { id, profile: 'standard', ...settings }))
      .status,
  ).toBe(201);
  const at = bench.clock.now();
  const options = { fps: '30', at, keyframeEvery: 60, rate: 48_000, reorder: true } as const;
  const session = new SimulatedSession('s1', options);
  await bench.append(id, [session.begin(at)]);
  const broadcast = await eventually(async () => {
    await bench.append(id, session.upTo(bench.clock.now()));
    await bench.clock.sleep(milliseconds(200));
    const text = await bench.redis.hget(redisKeys.air, id);
    return text === null ? undefined : broadcastSchema.parse(JSON.parse(text));
  });
  const { body } = await call(scheduler, 'GET', `/v1/channels/${id}/status`);
  const end = async (): Promise<void> => {
    await bench.append(id, [session.end(bench.clock.now(), true)]);
    await eventually(async () =>
      (await bench.redis.hexists(redisKeys.air, id)) === 0 ? true : undefined,
    );
  };
  const warnings = body['warnings'] as readonly { code: string; message: string }[];
  return { broadcast, warnings, end };
}

describe('a broadcast whose ladder is more than the one worker carries', () => {
  const ids = ({ broadcast }: Awaited<ReturnType<typeof broadcastOf>>): string[] =>
    broadcast.renditions.map(({ id }) => id);

  beforeAll(async () => {
    await tellWorker({
      host: 'h',
      hostCores: 2,
      scope: 'h',
      scopeCores: 0.5,
      isGiven: true,
      otherCores: 0,
      slowness: 1,
    });
  });

  test('begins without the dearest renditions, and its status says which and why', async () => {
    const begun = await broadcastOf('adapted', {});
    expect(ids(begun)).toEqual(['v360', 'a128']);
    expect(begun.broadcast.admission).toMatchObject({ freeCores: 0.5, leftOut: ['v720', 'v480'] });
    await begun.end();
    expect(begun.warnings).toContainEqual({
      code: 'RENDITIONS_LEFT_OUT',
      message: expect.stringMatching(/^Begun without v720, v480: .* 0\.5 were free/),
    });
  });

  test('begins with all of it, and a warning, where its owner has set the ladder', async () => {
    const begun = await broadcastOf('insisting', { ladder: LADDER });
    expect(ids(begun)).toEqual(['v720', 'v360', 'a128']);
    await begun.end();
    expect(begun.warnings.map(({ code }) => code)).toContain('LADDER_TOO_HEAVY');
  });

  test('begins with what fits where its owner has set a ladder without insisting', async () => {
    const begun = await broadcastOf('modest', { ladder: LADDER, fixedLadder: false });
    expect(ids(begun)).toEqual(['v360', 'a128']);
    await begun.end();
  });

  test('begins with what is left when another channel is on air', async () => {
    await tellWorker({
      host: 'h',
      hostCores: 4,
      scope: 'h',
      scopeCores: 1.5,
      isGiven: true,
      otherCores: 0,
      slowness: 1,
    });
    const first = await broadcastOf('first', {});
    expect(ids(first)).toEqual(['v720', 'v480', 'v360', 'a128']);
    const second = await broadcastOf('second', {});
    expect(ids(second)).not.toContain('v720');
    await Promise.all([first.end(), second.end()]);
  });
});

test('a channel whose owner sets its ladder later insists on it from then on', async () => {
  await call(scheduler, 'POST', '/v1/channels', { id: 'later' });
  const path = '/v1/channels/later';
  expect((await call(scheduler, 'GET', path)).body).toMatchObject({ fixedLadder: false });
  expect((await call(scheduler, 'PATCH', path, { name: 'Later' })).body).toMatchObject({
    fixedLadder: false,
  });
  expect((await call(scheduler, 'PATCH', path, { ladder: LADDER })).body).toMatchObject({
    fixedLadder: true,
  });
  expect((await call(scheduler, 'PATCH', path, { fixedLadder: false })).body).toMatchObject({
    fixedLadder: false,
    ladder: LADDER,
  });
});

test('a worker tells its machine, and how fast that is once it has been tried', async () => {
  let changed = (): void => undefined;
  const logger = createLogger('test', 'silent');
  const watch = await watchCapacity(undefined, {
    encoder: ENCODER,
    logger,
    workers: () => Promise.resolve([]),
    onChange: () => {
      changed();
    },
  });
  try {
    await new Promise<void>((resolve) => {
      changed = () => {
        if (watch.told().slowness !== null && watch.told().otherCores !== null) {
          resolve();
        }
      };
    });
    const told = workerCapacitySchema.parse(watch.told());
    expect(told.scopeCores).toBeLessThanOrEqual(told.hostCores);
    expect(told).toMatchObject({ isGiven: false });
    const again = await trySlowness(ENCODER);
    // CPU time: the same within what caches and frequencies do, however busy the machine is.
    expect(again / (told.slowness ?? NaN)).toBeGreaterThan(0.33);
    expect(again / (told.slowness ?? NaN)).toBeLessThan(3);
  } finally {
    await watch.close();
  }
});

test('a worker that starts beside another of its machine tells what that one found, and tries nothing meanwhile', async () => {
  const logger = createLogger('test', 'silent');
  const { host, ...machine } = {
    host: (await findHost()).host,
    hostCores: 2,
    scope: 'vm',
    scopeCores: 2,
    isGiven: false,
    otherCores: null,
  };
  const others = [
    { ...machine, host, slowness: 1.5 },
    { ...machine, host, slowness: 1.25 },
    { ...machine, host, slowness: null },
    { ...machine, host: 'elsewhere', slowness: 0.5 },
  ];
  let changed = (): void => undefined;
  const told = new Promise<void>((resolve) => {
    changed = resolve;
  });
  const watch = await watchCapacity(undefined, {
    // Were it to try, that would fail.
    encoder: { ...ENCODER, program: '/nowhere/ffmpeg' },
    logger,
    workers: () => Promise.resolve(others),
    onChange: () => {
      changed();
    },
  });
  try {
    await told;
    expect(watch.told().slowness).toBe(1.25);
  } finally {
    await watch.close();
  }
});
