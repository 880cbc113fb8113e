/** What follows from a channel's log: jobs for workers and the origin, records in the store, word to ingest. */
import { setTimeout as delay } from 'node:timers/promises';
import { readBroadcasts } from '#common/broadcast-records';
import type { Clock } from '#common/clock';
import { earlyProgressSchema, shownEntrySchema } from '#common/contracts/early-task';
import { QUEUES, redisKeys } from '#common/contracts/names';
import type { Broadcast, SegmentJob } from '#common/contracts/segment';
import type { Task } from '#common/contracts/task';
import { restartHotFragments } from '#common/hot-fragments';
import { forgetEndAsked } from '#common/end-requests';
import { readJson } from '#common/json';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import { readNewestPublished } from '#common/published-stream';
import { openQueue } from '#common/queues';
import { execute, type Redis } from '#common/redis';
import type { ObjectStore } from '#common/store/store';
import type { StreamFollower } from '#common/stream-follower';
import { segmentNumber } from '#common/time';
import { lastCommit, openBroadcastWriter } from './broadcast-records.ts';
import type { Effects } from './channel-runner.ts';
import { openEarlyTasks } from './early-tasks.ts';
import type { TranscodeQueue } from './transcode-queue.ts';
import { followWorkerPulses } from './worker-pulses.ts';

/** Entries of the published stream that a new leader looks at: more than a log's checkpoint is old. */
const PUBLISHED_READ = 500;

/** Entries kept of what is shown: some twenty seconds of the fastest profile. */
const SHOWN_KEPT = 2_000;
const SHOWN_SECONDS = 120;
/** Entries among which there are the last of each kind. */
const SHOWN_RECALLED = 200;

/** How often, and how far apart in real time, an emptied Redis is asked what was published. */
const NOTED_AGAIN = { looks: 10, apartMs: 200 } as const;

/** What effects act upon. */
export interface EffectsDeps {
  readonly redis: Redis;
  /** The Redis that has the hot streams. */
  readonly hotRedis: Redis;
  readonly store: ObjectStore;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly transcode: Pick<TranscodeQueue, 'add' | 'giveAgain' | 'isOpen'>;
  /** What is withheld of a segment is on its way into the store. */
  readonly onOwed: (task: Task) => void;
  /** Of the Redis that has the log. */
  readonly streams: StreamFollower;
}

/** Opens the effects of one leadership. */
export function openEffects(deps: EffectsDeps): Effects & Closable {
  const { redis, hotRedis, store, logger, clock, transcode, streams } = deps;
  const segments = openQueue(QUEUES.segments, redis, logger);
  const writer = openBroadcastWriter(store, logger);
  const pulses = followWorkerPulses({ streams, redis, clock, logger });
  const early = openEarlyTasks(redis, logger, pulses);

  const tell = async (type: 'start' | 'end', broadcast: Broadcast): Promise<void> => {
    writer.write(broadcast);
    const job: SegmentJob = { type, broadcast };
    const jobId = `${type}-${broadcast.channel}-${broadcast.broadcast}`;
    await segments.add(type, job, { jobId });
  };

  const published = async (channel: string): Promise<Set<number>> => {
    const newest = await readNewestPublished(redis, channel, PUBLISHED_READ);
    return new Set(newest.map(({ n }) => n));
  };

  /** The newest number published; waits a moment for an origin that notes again what an emptied Redis has lost. */
  const newestPublished = async (channel: string): Promise<number | undefined> => {
    for (let look = 1; ; look += 1) {
      const numbers = await published(channel);
      if (numbers.size > 0 || look >= NOTED_AGAIN.looks) {
        return numbers.size === 0 ? undefined : Math.max(...numbers);
      }
      await delay(NOTED_AGAIN.apartMs);
    }
  };

  return {
    start: async (broadcast) => {
      await redis.hset(redisKeys.air, broadcast.channel, JSON.stringify(broadcast));
      await tell('start', broadcast);
    },
    shed: async (broadcast) => {
      const { channel, broadcast: first, sheds } = broadcast;
      await redis.hset(redisKeys.air, channel, JSON.stringify(broadcast));
      writer.write(broadcast);
      const job: SegmentJob = { type: 'shed', broadcast };
      await segments.add('shed', job, { jobId: `shed-${channel}-${first}-${sheds.length}` });
    },
    segment: (task) => transcode.add(task),
    owe: (task) => {
      writer.writeOwed(task);
      deps.onOwed(task);
    },
    shown: async (channel, entries) => {
      const key = redisKeys.shown(channel);
      const pipeline = redis.pipeline();
      for (const entry of entries) {
        pipeline.xadd(key, 'MAXLEN', '~', SHOWN_KEPT, '*', 'e', JSON.stringify(entry));
      }
      pipeline.expire(key, SHOWN_SECONDS);
      return String((await execute(pipeline)).at(-2));
    },
    lastShown: async (channel) => {
      const entries = await redis.xrevrange(
        redisKeys.shown(channel),
        '+',
        '-',
        'COUNT',
        SHOWN_RECALLED,
      );
      return entries
        .toReversed()
        .flatMap(([, fields]) => readJson(shownEntrySchema, fields[1] ?? '') ?? []);
    },
    early: early.place,
    restart: (channel, renditions, { fragments, ...restart }) =>
      Promise.all(
        renditions.map((rendition) =>
          restartHotFragments(hotRedis, { channel, rendition }, restart, fragments),
        ),
      ),
    lastHeard: (worker) => pulses.lastHeard(worker),
    isAway: (worker) => pulses.isAway(worker),
    onWorkerAway: (listener) => pulses.onAway(listener),
    progress: (channel, onProgress) =>
      streams.follow(redisKeys.earlyProgress(channel), '0', (entries) => {
        for (const { fields } of entries) {
          const progress = readJson(earlyProgressSchema, fields[1]?.toString('utf8') ?? '');
          if (progress !== undefined) {
            onProgress(progress);
          }
        }
      }),
    end: async (broadcast) => {
      await tell('end', broadcast);
      await forgetEndAsked(redis, broadcast.channel);
      await redis.hdel(redisKeys.air, broadcast.channel);
    },
    // Control writes it into the channel's record; no number waits for that.
    decideFps: async (channel, fps) => {
      await redis.hsetnx(redisKeys.detectedFps, channel, fps);
      await redis.publish(redisKeys.fpsDecided, channel);
    },
    dropFeed: async (channel) => {
      await redis.publish(redisKeys.dropFeed, channel);
    },
    settle: async (channel) => {
      await redis.hdel(redisKeys.air, channel);
      const [newest] = await readBroadcasts(store, channel, 1);
      if (newest === undefined) {
        return segmentNumber(0);
      }
      if (newest.last !== null) {
        return segmentNumber(Math.max(newest.last, newest.broadcast) + 1);
      }
      const known = [await lastCommit(store, newest), await newestPublished(channel)];
      const last = Math.max(newest.broadcast - 1, ...known.filter((n) => n !== undefined));
      logger.warn({ channel, broadcast: newest.broadcast, last }, 'lost broadcast ended');
      await tell('end', { ...newest, last: segmentNumber(Math.max(0, last)) });
      return segmentNumber(Math.max(last, newest.broadcast) + 1);
    },
    published,
    isOpen: (channel, n) => transcode.isOpen(channel, n),
    nextToPublish: async (channel, broadcast) => {
      const [known] = await readNewestPublished(redis, channel, 1);
      return known?.broadcast === broadcast ? known.n + 1 : broadcast;
    },
    giveAgain: async (channel, n) => {
      const counts = await segments.getJobCounts('waiting', 'prioritized', 'active', 'delayed');
      // What the origin has not taken may be the result that is waited for: it is away, not displeased.
      if (Object.values(counts).every((count) => count === 0)) {
        await transcode.giveAgain(channel, n);
      }
    },
    close: async () => {
      await pulses.close();
      await writer.close();
      await segments.close();
    },
  };
}
