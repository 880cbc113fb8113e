/** @takes-seconds 25 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { channelSchema } from '#common/contracts/channel';
import { redisKeys, storeKeys } from '#common/contracts/names';
import { broadcastSchema, segmentJobSchema, type Broadcast } from '#common/contracts/segment';
import { taskSchema } from '#common/contracts/task';
import { appendPublished } from '#common/published-stream';
import { openWorker, type Worker } from '#common/queues';
import { execute } from '#common/redis';
import { createLogger } from '#common/logger';
import { milliseconds, segmentNumber } from '#common/time';
import { hashOfStreamKey } from '../../control/catalogue/stream-keys.ts';
import { SimulatedSession } from '../unit/scheduler/simulated-feed.ts';
import { SchedulerBench, call, eventually, type TestScheduler } from './scheduler-harness.ts';

let bench: SchedulerBench;
const running: TestScheduler[] = [];
/** Ends the feeds that a test has left publishing. */
const stops: ((clean: boolean) => Promise<void>)[] = [];

beforeAll(async () => {
  bench = await SchedulerBench.open();
});

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop(false)));
  await Promise.all(running.splice(0).map((scheduler) => scheduler.close()));
});

afterAll(async () => {
  await bench.close();
});

async function start(settings: Readonly<Record<string, string>> = {}): Promise<TestScheduler> {
  const scheduler = await bench.start(settings);
  running.push(scheduler);
  return scheduler;
}

/** A channel with a feed that follows the bench's clock until stopped. */
async function feed(
  scheduler: TestScheduler,
  settings: Record<string, unknown> = {},
): Promise<{ id: string; stop: (clean: boolean) => Promise<void>; streamKey: unknown }> {
  const id = `c${randomUUID().slice(0, 8)}`;
  const { body } = await call(scheduler, 'POST', '/v1/channels', {
    id,
    profile: 'standard',
    ...settings,
  });
  const at = bench.clock.now();
  const options = { fps: '30', at, keyframeEvery: 60, rate: 48_000, reorder: true } as const;
  const session = new SimulatedSession('s1', options);
  await bench.append(id, [session.begin(at)]);
  let isOver = false;
  const publishing = (async () => {
    while (!isOver) {
      await bench.append(id, session.upTo(bench.clock.now()));
      await bench.clock.sleep(milliseconds(200));
    }
  })();
  const stop = async (clean: boolean): Promise<void> => {
    if (!isOver) {
      isOver = true;
      await publishing;
      await bench.append(id, [session.end(bench.clock.now(), clean)]);
    }
  };
  stops.push(stop);
  return { id, stop, streamKey: body['streamKey'] };
}

const onAir = (id: string): Promise<Broadcast> =>
  eventually(async () => {
    const job = (await bench.segments.getJobs()).find(
      (candidate) => candidate.id?.startsWith(`start-${id}-`) === true,
    );
    const data = job && segmentJobSchema.parse(job.data);
    return data?.type === 'start' ? data.broadcast : undefined;
  });

const offAir = ({ channel, broadcast }: Broadcast): Promise<Broadcast & { last: number }> =>
  eventually(async () => {
    const body = await bench.store.get(storeKeys.broadcast(channel, segmentNumber(broadcast)));
    const record = body && broadcastSchema.parse(JSON.parse(body.toString('utf8')));
    const job = await bench.segments.getJob(`end-${channel}-${broadcast}`);
    return record?.last === null || record === undefined || job === undefined
      ? undefined
      : { ...record, last: record.last };
  });

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at);

const hasTasks = (id: string, count: number): Promise<true> =>
  eventually(async () => ((await bench.tasks(id)).length >= count ? true : undefined));

describe('a scheduler', () => {
  test('gives out one task for every number of a broadcast and ends it when the publisher stops', async () => {
    const scheduler = await start();
    const { id, stop } = await feed(scheduler);
    const broadcast = await onAir(id);
    await hasTasks(id, 3);
    const status = await call(scheduler, 'GET', `/v1/channels/${id}/status`);
    expect(status.body).toMatchObject({ onAir: true, broadcast: broadcast.broadcast, fps: '30' });
    await stop(true);
    const { last } = await offAir(broadcast);
    expect(await bench.tasks(id)).toEqual(range(broadcast.broadcast, last));
    const job = await bench.transcode.getJob(`${id}-${last - 1}`);
    const task = taskSchema.parse(job?.data);
    expect(task.video).toMatchObject([{ kind: 'session', session: 's1', late: [] }]);
    expect(task.sound).toHaveLength(1);
    expect(task.renditions.map((rendition) => rendition.id)).toEqual([
      'v720',
      'v480',
      'v360',
      'a128',
    ]);
    const kept = await bench.redis.hget(redisKeys.channels, id);
    expect(channelSchema.parse(JSON.parse(kept ?? 'null')).fps).toBe('30');
  });

  test('fills until the publisher is given up', async () => {
    const scheduler = await start();
    const { id, stop } = await feed(scheduler, { reconnectSeconds: 20 });
    const broadcast = await onAir(id);
    await hasTasks(id, 2);
    await stop(false);
    const { last } = await offAir(broadcast);
    expect(await bench.tasks(id)).toEqual(range(broadcast.broadcast, last));
    const job = await bench.transcode.getJob(`${id}-${last}`);
    const task = taskSchema.parse(job?.data);
    expect(task.video.at(-1)).toMatchObject({ kind: 'slate' });
  });

  test('is replaced by another within seconds, and no number is left out or given out twice', async () => {
    const first = await bench.start();
    const { id, stop } = await feed(first);
    const broadcast = await onAir(id);
    await eventually(async () => {
      const checkpoint = (await bench.redis.get(`plan:{${id}}`)) ?? '';
      return checkpoint.includes('"next"') ? true : undefined;
    });
    const published = {
      broadcast: broadcast.broadcast,
      n: broadcast.broadcast,
      at: milliseconds(0),
    };
    const entry = { ...published, fingerprint: 'f', taskHash: 't', renditions: [] };
    const noting = bench.redis.pipeline();
    appendPublished(noting, id, entry, 10);
    await execute(noting);
    await first.close();
    const second = await start();
    const before = (await bench.tasks(id)).length;
    await hasTasks(id, before + 3);
    await stop(true);
    const { last } = await offAir(broadcast);
    expect(await bench.tasks(id)).toEqual(range(broadcast.broadcast, last));
    expect((await call(second, 'GET', `/v1/channels/${id}`)).body).toMatchObject({ onAir: false });
  });

  test('goes on with the broadcast, and gives out again what is not done, when Redis is emptied', async () => {
    const scheduler = await start();
    const { id, stop } = await feed(scheduler);
    const { broadcast } = await onAir(id);
    await hasTasks(id, 3);
    await bench.redis.flushall();
    await hasTasks(id, 6);
    await stop(true);
    const { last } = await offAir(await onAir(id));
    expect((await onAir(id)).broadcast).toBe(broadcast);
    expect(await bench.tasks(id)).toEqual(range(broadcast, last));
    expect(await bench.redis.hget(redisKeys.channels, id)).not.toBeNull();
  });

  test('that was not the leader ends, at the last published number, a broadcast that an emptied Redis lost', async () => {
    const first = await bench.start();
    const { id, stop } = await feed(first);
    const { broadcast } = await onAir(id);
    await hasTasks(id, 3);
    await first.close();
    await bench.redis.flushall();
    const n = segmentNumber(broadcast + 1);
    const at = milliseconds(0);
    const entry = { broadcast, n, at, fingerprint: 'f', taskHash: 't' };
    const noting = bench.redis.pipeline();
    appendPublished(noting, id, { ...entry, renditions: [] }, 10);
    await execute(noting);
    await start();
    const key = storeKeys.broadcast(id, broadcast);
    const last = await eventually(async () => {
      const body = await bench.store.get(key);
      const record = body && broadcastSchema.parse(JSON.parse(body.toString('utf8')));
      return record?.last ?? undefined;
    });
    expect(last).toBe(broadcast + 1);
    await stop(true);
  });

  test('ends what another version had on air, says nothing of its log, and goes on with what comes', async () => {
    const first = await bench.start();
    const { id, stop } = await feed(first);
    const { broadcast } = await onAir(id);
    await hasTasks(id, 2);
    await first.close();
    const marks = [
      { t: 'source', epoch: 1, from: 0, source: { kind: 'hold' } },
      { t: 'closed', epoch: 1, frame: 60, sample: 96_000 },
    ];
    for (const mark of marks) {
      await bench.redis.xadd(redisKeys.log(id), '*', 'e', JSON.stringify(mark));
    }
    await bench.redis.set(`plan:{${id}}`, JSON.stringify({ id: '1-1', state: { air: null } }));
    const subscriber = bench.redis.duplicate();
    const dropped: string[] = [];
    subscriber.on('message', (_topic: string, channel: string) => dropped.push(channel));
    await subscriber.subscribe('feeds:drop');
    await start();
    const key = storeKeys.broadcast(id, broadcast);
    await eventually(async () => {
      const body = await bench.store.get(key);
      const record = body && broadcastSchema.parse(JSON.parse(body.toString('utf8')));
      return record?.last ?? undefined;
    });
    // Its publisher is told to begin anew, and what it then sends goes on air.
    await eventually(() => Promise.resolve(dropped.includes(id) ? true : undefined));
    await stop(false);
    const at = bench.clock.now();
    const options = { fps: '30', at, keyframeEvery: 60, rate: 48_000, reorder: true } as const;
    const again = new SimulatedSession('s2', options);
    await bench.append(id, [again.begin(at), ...again.upTo(at + 8_000)]);
    await eventually(async () => {
      const starts = (await bench.segments.getJobs()).filter(
        (job) => job.id?.startsWith(`start-${id}-`) === true,
      );
      return starts.length > 1 ? true : undefined;
    });
    subscriber.disconnect();
  });

  test('ends a broadcast on request and has its publisher dropped', async () => {
    const scheduler = await start();
    const subscriber = bench.redis.duplicate();
    const dropped: string[] = [];
    subscriber.on('message', (_topic: string, channel: string) => dropped.push(channel));
    await subscriber.subscribe('feeds:drop');
    const { id, stop } = await feed(scheduler);
    const broadcast = await onAir(id);
    await hasTasks(id, 1);
    const ended = await call(scheduler, 'POST', `/v1/channels/${id}/end`);
    expect(ended).toMatchObject({ status: 200, body: { id, broadcast: broadcast.broadcast } });
    await eventually(() => Promise.resolve(dropped.includes(id) ? true : undefined));
    expect((await call(scheduler, 'POST', `/v1/channels/${id}/end`)).status).toBe(409);
    await stop(false);
    subscriber.disconnect();
  });

  test('resolves a number whose task keeps failing by filler', async () => {
    const scheduler = await start();
    const done: string[] = [];
    const worker = openWorker(
      'transcode',
      bench.redis,
      createLogger('test', 'silent'),
      taskSchema,
      (task, job) => {
        if (job.name !== 'filler') {
          throw new Error('cannot');
        }
        expect(task.video).toMatchObject([{ kind: 'slate' }]);
        done.push(`${task.channel}-${task.n}`);
        return Promise.resolve();
      },
      { concurrency: 2 },
    );
    const { id, stop } = await feed(scheduler);
    const { broadcast } = await onAir(id);
    await eventually(() => Promise.resolve(done.includes(`${id}-${broadcast}`) ? true : undefined));
    await stop(true);
    await worker.close();
  });

  describe('with an origin that takes every result and likes none', () => {
    let made: string[];
    const workers: Worker[] = [];
    const takeAll = (): Promise<void> => Promise.resolve();

    beforeEach(() => {
      made = [];
      const logger = createLogger('test', 'silent');
      const settings = { concurrency: 2 };
      workers.push(
        openWorker(
          'transcode',
          bench.redis,
          logger,
          taskSchema,
          ({ channel, n }, job) => {
            made.push(`${job.name} ${channel}-${n}`);
            return Promise.resolve();
          },
          settings,
        ),
        openWorker('segments', bench.redis, logger, segmentJobSchema, takeAll, settings),
      );
    });

    afterEach(async () => {
      await Promise.all(workers.splice(0).map((worker) => worker.close()));
    });

    const isMade = (what: string): Promise<true> =>
      eventually(() => Promise.resolve(made.includes(what) ? true : undefined));

    test('gives out the first number again, and at last filler', async () => {
      const { id, stop } = await feed(await start());
      const { broadcast } = await onAir(id);
      await isMade(`filler ${id}-${broadcast}`);
      expect(made.filter((one) => one === `segment ${id}-${broadcast}`)).toHaveLength(3);
      expect(made.filter((one) => one === `segment ${id}-${broadcast + 1}`)).toHaveLength(1);
      await stop(true);
    }, 30_000);

    test('does so when the broadcast is over, too', async () => {
      const scheduler = await start();
      const { id, stop } = await feed(scheduler);
      const { broadcast } = await onAir(id);
      await hasTasks(id, 1);
      expect((await call(scheduler, 'POST', `/v1/channels/${id}/end`)).status).toBe(200);
      await stop(true);
      await isMade(`filler ${id}-${broadcast}`);
      expect(made.filter((one) => one === `segment ${id}-${broadcast}`)).toHaveLength(3);
    }, 30_000);
  });

  test('makes its first channels and keeps their keys for the owner alone', async () => {
    await start({ BOOT_CHANNELS: 'main,demo' });
    const file = join(bench.folder, 'stream-key-demo');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const key = (await readFile(file, 'utf8')).trim();
    expect(key).toMatch(/^[0-9a-f]{32}$/);
    const kept = await bench.redis.hget(redisKeys.channels, 'demo');
    const demo = channelSchema.parse(JSON.parse(kept ?? 'null'));
    expect(demo.streamKeyHash).toBe(hashOfStreamKey(key));
    expect(demo.ladder.video.map(({ height }) => height)).toEqual([720, 480, 360]);
  });
});
