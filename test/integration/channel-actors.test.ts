import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { appendToLog, leaseValue, readLog } from '#common/channel-log';
import type { Clock } from '#common/clock';
import type { LogEntry } from '#common/contracts/log';
import type { Broadcast } from '#common/contracts/segment';
import { redisKeys } from '#common/contracts/names';
import { askForEnd } from '#common/end-requests';
import { openLogFollower, type LogFollower } from '#common/log-follower';
import { createLogger } from '#common/logger';
import { connectRedis, execute, type Redis } from '#common/redis';
import { milliseconds, segmentNumber } from '#common/time';
import { ChannelActor } from '../../scheduler/leader/channel-actor.ts';
import { ChannelMemory } from '../../scheduler/leader/channel-memory.ts';
import type { Effects } from '../../scheduler/leader/channel-runner.ts';
import { openTranscodeQueue, type TranscodeQueue } from '../../scheduler/leader/transcode-queue.ts';
import { eventually } from '../helpers/poll.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { EPOCH, SimulatedSession } from '../unit/scheduler/simulated-feed.ts';
import { testChannel } from './ingest-harness.ts';

const logger = createLogger('test', 'silent');
const LEASE = { epoch: 1, holder: 'test' };
/** So long does a read wait that none ends by itself while a test runs. */
const FOR_EVER_MS = 3_600_000;
const SEGMENT_MS = 2_000;
/** A segment's beginning. */
const BEGIN = Math.ceil(EPOCH / SEGMENT_MS) * SEGMENT_MS;

let server: TestRedis;
let redis: Redis;
let logRedis: Redis;
let queue: TranscodeQueue;
let follower: LogFollower;
/** It stands still unless a test moves it. */
let clockAt: number;
let lost: number;
const actors: ChannelActor[] = [];

const clock: Clock = {
  rate: 1,
  now: () => milliseconds(clockAt),
  sleep: () => Promise.reject(new Error('nobody sleeps by this clock')),
};

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, 'test', logger);
  logRedis = connectRedis(server.url, 'log', logger);
  follower = openLogFollower({ redis, logRedis, logger, blockMs: FOR_EVER_MS });
});

beforeEach(async () => {
  clockAt = BEGIN;
  lost = 0;
  await redis.flushall();
  await redis.set(redisKeys.lease, leaseValue(LEASE));
  queue = await openTranscodeQueue(redis, logger);
});

afterEach(async () => {
  await Promise.all(actors.splice(0).map((actor) => actor.close()));
  await queue.close();
});

afterAll(async () => {
  await follower.close();
  redis.disconnect();
  logRedis.disconnect();
  await server.close();
});

const done = (): Promise<void> => Promise.resolve();

/** Effects that do nothing but give out tasks, in the real queue. */
const quietEffects = (): Effects => ({
  start: done,
  shed: done,
  owe: () => undefined,
  segment: (task) => queue.add(task),
  end: done,
  decideFps: done,
  dropFeed: done,
  settle: () => Promise.resolve(segmentNumber(0)),
  published: () => Promise.resolve(new Set<number>()),
  isOpen: (channel, n) => queue.isOpen(channel, n),
  nextToPublish: (_channel, broadcast) => Promise.resolve(broadcast),
  shown: () => Promise.resolve('0-0'),
  lastShown: () => Promise.resolve([]),
  early: () => Promise.resolve(undefined),
  restart: () => Promise.resolve([]),
  lastHeard: () => undefined,
  isAway: () => false,
  onWorkerAway: () => () => undefined,
  progress: () => done,
  giveAgain: done,
});

function act(
  id: string,
  effects: Partial<Effects> = {},
  followed: Pick<LogFollower, 'follow'> = follower,
): ChannelActor {
  const actor = new ChannelActor(testChannel(id), {
    redis,
    clock,
    logger,
    lease: LEASE,
    closeAfter: undefined,
    lateAfterParts: 0.5,
    effects: { ...quietEffects(), ...effects },
    workers: () => Promise.resolve([]),
    takenCores: () => 0,
    memory: new ChannelMemory(),
    follower: followed,
    onLeaseLost: () => {
      lost += 1;
    },
  });
  actors.push(actor);
  return actor;
}

class Feed {
  readonly #id: string;
  readonly #session: SimulatedSession;
  #hasBegun = false;

  constructor(id: string) {
    this.#id = id;
    const options = { fps: '30', keyframeEvery: 60, rate: 48_000, reorder: false } as const;
    this.#session = new SimulatedSession('s1', { ...options, at: BEGIN });
  }

  /** Tells the log the frames up to so many segments, and a little more. */
  async upTo(segments: number): Promise<void> {
    const pipeline = redis.pipeline();
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      appendToLog(pipeline, this.#id, this.#session.begin(BEGIN));
    }
    for (const entry of this.#session.upTo(BEGIN + segments * SEGMENT_MS + 500)) {
      appendToLog(pipeline, this.#id, entry);
    }
    await execute(pipeline);
  }
}

async function entriesOf(id: string): Promise<LogEntry[]> {
  const news = await readLog(redis, new Map([[id, '0-0']]), { blockMs: 1, count: 100_000 });
  return (news.get(id) ?? []).flatMap(({ entry }) => entry ?? []);
}

/** Segments whose picture, and whose sound, the log says are closed, in its order. */
async function closedOf(id: string): Promise<{ pictures: number[]; sounds: number[] }> {
  const entries = await entriesOf(id);
  return {
    pictures: entries.flatMap((entry) =>
      entry.t === 'picture-closed' ? [entry.frame / 60 - BEGIN / SEGMENT_MS] : [],
    ),
    sounds: entries.flatMap((entry) =>
      entry.t === 'sound-closed' ? [Math.floor(entry.sample / 96_000) - BEGIN / SEGMENT_MS] : [],
    ),
  };
}

const range = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1);

const hasClosed = (id: string, segments: number): Promise<true> =>
  eventually(`segment ${segments} of ${id}`, async () => {
    const { pictures, sounds } = await closedOf(id);
    return Math.min(pictures.at(-1) ?? 0, sounds.at(-1) ?? 0) >= segments ? true : undefined;
  });

const isBlocked = (): Promise<true> =>
  eventually('a blocked read', async () =>
    String(await redis.client('LIST')).includes('cmd=xread') ? true : undefined,
  );

const callsOf = async (command: string): Promise<number> =>
  Number(
    new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await redis.info('commandstats'))?.[1] ?? 0,
  );

describe('a channel that is led', () => {
  test('has marks for every frame that is their cause, while the clock stands still', async () => {
    act('still');
    const feed = new Feed('still');
    for (const segments of range(10)) {
      await feed.upTo(segments);
      await hasClosed('still', segments);
    }
    expect(await closedOf('still')).toEqual({ pictures: range(10), sounds: range(10) });
    const marks = (await entriesOf('still')).filter((entry) => 'epoch' in entry);
    expect(marks).toHaveLength(3 + 10 + 10);
  });

  test('is ended by its operator while the clock stands still and its log is silent', async () => {
    const actor = act('ended');
    await new Feed('ended').upTo(2);
    await hasClosed('ended', 2);
    await askForEnd(redis, { channel: 'ended', broadcast: segmentNumber(BEGIN / SEGMENT_MS) });
    actor.lookForEnd();
    const last = await eventually('off air', async () =>
      (await entriesOf('ended')).find(({ t }) => t === 'off-air'),
    );
    expect(last).toMatchObject({ last: BEGIN / SEGMENT_MS + 2 });
  });

  test('is filled when the clock says that what is missing will not come', async () => {
    act('late');
    await new Feed('late').upTo(2);
    await hasClosed('late', 2);
    clockAt = BEGIN + 3 * SEGMENT_MS + 4_000;
    actors[0]?.lookForEnd();
    await hasClosed('late', 3);
    const { pictures } = await closedOf('late');
    expect(pictures).toEqual(range(3));
    expect((await entriesOf('late')).filter(({ t }) => t === 'picture')).toMatchObject([
      { source: { kind: 'session' } },
      { source: { kind: 'hold' } },
    ]);
  });

  test('is not filled by a leader that was held up and has yet to read what came in time', async () => {
    let isHeldUp = false;
    const waiting: (() => void)[] = [];
    const slow: Pick<LogFollower, 'follow'> = {
      follow: (channel, after, onNews) => {
        const following = follower.follow(channel, after, () => {
          if (isHeldUp) {
            waiting.push(onNews);
          } else {
            onNews();
          }
        });
        return {
          take: () => (isHeldUp ? { records: [], isAll: true } : following.take()),
          stop: () => {
            following.stop();
          },
        };
      },
    };
    const actor = act('held', {}, slow);
    const feed = new Feed('held');
    await feed.upTo(2);
    await hasClosed('held', 2);
    isHeldUp = true;
    const looks = await callsOf('xrevrange');
    await feed.upTo(5);
    clockAt = BEGIN + 5 * SEGMENT_MS + 3_600;
    actor.lookForEnd();
    await eventually('a look', async () =>
      (await callsOf('xrevrange')) > looks ? true : undefined,
    );
    isHeldUp = false;
    for (const onNews of waiting) {
      onNews();
    }
    await hasClosed('held', 5);
    const marks = (await entriesOf('held')).filter((entry) => 'epoch' in entry);
    const fifth = marks.findIndex(
      (mark) => mark.t === 'picture-closed' && mark.frame / 60 - BEGIN / SEGMENT_MS === 5,
    );
    expect(marks.slice(0, fifth).filter(({ t }) => t === 'picture')).toHaveLength(1);
  });

  test('is let go of when the lease is another’s', async () => {
    act('fenced');
    const feed = new Feed('fenced');
    await feed.upTo(1);
    await hasClosed('fenced', 1);
    await redis.set(redisKeys.lease, '2:other');
    await feed.upTo(3);
    await eventually('the loss', () => Promise.resolve(lost === 1 ? true : undefined));
    expect((await closedOf('fenced')).pictures).toEqual([1]);
  });
});

describe('beside a channel', () => {
  const hangs: Partial<Effects> = { segment: () => new Promise<void>(() => undefined) };
  const throws: Partial<Effects> = { segment: () => Promise.reject(new Error('seeded')) };

  test.each([
    { title: 'whose effects hang', effects: hangs },
    { title: 'whose effects fail for ever', effects: throws },
    { title: 'that cannot begin', effects: { settle: () => Promise.reject(new Error('seeded')) } },
    {
      title: 'whose beginning hangs',
      effects: { settle: () => new Promise<never>(() => undefined) },
    },
  ])('$title another one goes on', async ({ effects }) => {
    act('ill', effects);
    act('well');
    const ill = new Feed('ill');
    const well = new Feed('well');
    for (const segments of range(6)) {
      await ill.upTo(segments);
      await well.upTo(segments);
      await hasClosed('well', segments);
    }
    expect(await closedOf('well')).toEqual({ pictures: range(6), sounds: range(6) });
  });

  test('a channel’s own marks wait for none of its effects', async () => {
    act('own', hangs);
    await new Feed('own').upTo(6);
    await hasClosed('own', 6);
    expect((await closedOf('own')).pictures).toEqual(range(6));
  });
});

test('a channel that stumbles goes on from its checkpoint, and no number is lost or given out twice', async () => {
  let stumbles = 0;
  act('stumbling', {
    segment: async (task) => {
      if (task.n % 3 === 0 && stumbles < 3) {
        stumbles += 1;
        throw new Error('seeded');
      }
      await queue.add(task);
    },
  });
  const feed = new Feed('stumbling');
  for (const segments of range(9)) {
    await feed.upTo(segments);
  }
  await hasClosed('stumbling', 9);
  await eventually('all tasks', () =>
    Promise.resolve(queue.unfinished().get('stumbling') === 9 ? true : undefined),
  );
  expect(stumbles).toBe(3);
  expect(await closedOf('stumbling')).toEqual({ pictures: range(9), sounds: range(9) });
  const isGiven = range(9).map((at) => queue.isOpen('stumbling', BEGIN / SEGMENT_MS + at - 1));
  expect(isGiven).toEqual(range(9).map(() => true));
}, 30_000);

describe('a reader of logs', () => {
  test('follows at once what is added while it waits', async () => {
    act('first');
    await isBlocked();
    act('second');
    await new Feed('second').upTo(2);
    await hasClosed('second', 2);
    await isBlocked();
    expect(await redis.keys('log-wake:*')).toEqual([]);
  });

  test('leaves out who takes nothing, holds up nobody else, and goes on where it was left', async () => {
    const end = { t: 'end', session: 's1', clean: true } as const;
    const fill = async (channel: string, count: number): Promise<void> => {
      const pipeline = redis.pipeline();
      for (let at = 0; at < count; at += 1) {
        appendToLog(pipeline, channel, { ...end, at });
      }
      await execute(pipeline);
    };
    await fill('idle', 10_000);
    const idle = follower.follow('idle', '0-0', () => undefined);
    let other = 0;
    const busy = follower.follow('busy', '0-0', () => {
      other += busy.take().records.length;
    });
    for (let round = 1; round <= 5; round += 1) {
      await fill('busy', 1);
      await eventually('the other', () => Promise.resolve(other === round ? true : undefined));
    }
    const times: number[] = [];
    const most: number[] = [];
    await eventually(
      'all of it',
      () => {
        const { records } = idle.take();
        most.push(records.length);
        times.push(...records.flatMap(({ entry }) => (entry?.t === 'end' ? [entry.at] : [])));
        return Promise.resolve(times.length === 10_000 ? true : undefined);
      },
      { everyMs: 1 },
    );
    expect(times).toEqual(Array.from({ length: 10_000 }, (_, at) => at));
    expect(Math.max(...most)).toBeLessThan(2_000);
    idle.stop();
    busy.stop();
  });
});

test('what is ordered to be withheld is so from a segment on that is well ahead, and the next leader knows', async () => {
  const told: Broadcast[] = [];
  const tasks = new Map<number, string[]>();
  const effects: Partial<Effects> = {
    shed: (broadcast) => {
      told.push(broadcast);
      return Promise.resolve();
    },
    segment: (task) => {
      tasks.set(
        task.n,
        task.renditions.map(({ id }) => id),
      );
      return Promise.resolve();
    },
  };
  const first = act('heavy', effects);
  const feed = new Feed('heavy');
  await feed.upTo(2);
  await hasClosed('heavy', 2);
  const load = await eventually('its load', () => Promise.resolve(first.load()));
  expect(load === 'undecided' ? load : load.coresWithout(['v720'])).toBeLessThan(
    load === 'undecided' ? 0 : load.coresWithout([]),
  );
  clockAt = BEGIN + 2 * SEGMENT_MS;
  first.shed({
    channel: 'heavy',
    withheld: ['v720'],
    reason: 'late',
    lateMs: 5_000,
    lateChannel: 'heavy',
  });
  const { sheds } = await eventually('the word', () => Promise.resolve(told[0]));
  const from = Number(sheds[0]?.from);
  expect(from * SEGMENT_MS - clockAt).toBeGreaterThanOrEqual(4_000);
  expect(from * SEGMENT_MS - clockAt).toBeLessThan(4_000 + 2 * SEGMENT_MS);
  await first.close();
  act('heavy', effects);
  await feed.upTo(8);
  await hasClosed('heavy', 8);
  await eventually('all tasks', () => Promise.resolve(tasks.size >= 8 ? true : undefined));
  const has = [...tasks].map(([n, ids]) => [n < from, ids.includes('v720'), ids.length]);
  expect(has.filter(([isBefore]) => isBefore)).toEqual(
    has.filter(([isBefore]) => isBefore).map(() => [true, true, 4]),
  );
  expect(has.filter(([isBefore]) => isBefore !== true).length).toBeGreaterThan(0);
  expect(has.filter(([isBefore]) => isBefore !== true)).toEqual(
    has.filter(([isBefore]) => isBefore !== true).map(() => [false, false, 3]),
  );
});
