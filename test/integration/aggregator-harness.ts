/** An origin in the test's process, with a real Redis, a folder store, and the parts of worker and scheduler it meets. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { aggregatorSettings } from '../../aggregator/config.ts';
import { startAggregator } from '../../aggregator/start.ts';
import type { SegmentBytes } from '../../aggregator/verify.ts';
import { createClock } from '#common/clock';
import { parseConfig } from '#common/config';
import { QUEUES, storeKeys } from '#common/contracts/names';
import type { Broadcast, Result, SegmentJob } from '#common/contracts/segment';
import { gridOf, segmentOfTime } from '#common/grid';
import { createHealthAnswer } from '#common/health';
import { appendHotSegment } from '#common/hot-segments';
import { Lifecycle } from '#common/lifecycle';
import { createLogger } from '#common/logger';
import { openQueue } from '#common/queues';
import { connectRedis, type Redis } from '#common/redis';
import { openFolderStore } from '#common/store/folder';
import type { ObjectStore } from '#common/store/store';
import { milliseconds, segmentNumber } from '#common/time';
import { eventually } from '../helpers/poll.ts';
import { freePort, startRedis } from '../helpers/redis-server.ts';
import { broadcastOf, objectsOf, resultOf } from '../unit/aggregator/segments-made.ts';

const logger = createLogger('test', 'silent');

/** Ten times as fast as real time, so that waits stay short. */
const FAST = { rate: 10, origin: performance.timeOrigin };

/** What tests use. */
export interface OriginHarness {
  readonly redis: Redis;
  readonly store: ObjectStore;
  /** Starts the origin, after stopping one that runs; gives its URL. */
  start(): Promise<string>;
  stop(): Promise<void>;
  close(): Promise<void>;
  /** From now on the origin's reads from the store get no answer, or do again. */
  hangReads(isHanging: boolean): void;
  /** A broadcast of a channel of its own that began some seconds ago. */
  newBroadcast(changes?: Partial<Broadcast>): Broadcast;
  /** What the scheduler does. */
  begin(broadcast: Broadcast): Promise<void>;
  /** What is withheld of it is others from now on; gives the broadcast as it is then. */
  shed(broadcast: Broadcast, sheds: Broadcast['sheds']): Promise<Broadcast>;
  end(broadcast: Broadcast, last: number): Promise<void>;
  /** Broadcasts begin of which the first number is made already: all of it is told at once. */
  beginMade(broadcasts: readonly Broadcast[]): Promise<void>;
  /** What a worker does: bytes into the hot streams, the result into out_MQ. */
  make(
    broadcast: Broadcast,
    n: number,
    objects?: ReadonlyMap<string, SegmentBytes>,
  ): Promise<Result>;
  /** And then the objects into the store. */
  keep(broadcast: Broadcast, result: Result): Promise<void>;
}

/** Numbers a playlist lists. */
export const numbersIn = (playlist: string): number[] =>
  [...playlist.matchAll(/^(?:.*\/)?(\d+)\.m4s$/gm)].map((match) => Number(match[1]));

/** A rendition's media playlist, as it is now. */
export async function playlistOf(
  url: string,
  { channel, broadcast }: Broadcast,
  rendition: string,
): Promise<string> {
  return (await fetch(`${url}/live/${channel}/${rendition}/${broadcast}.m3u8`)).text();
}

/** The media playlist once it lists a number. */
export function listed(
  url: string,
  broadcast: Broadcast,
  n: number,
  rendition = 'v720',
): Promise<string> {
  return eventually(`number ${n} to be listed`, async () => {
    const playlist = await playlistOf(url, broadcast, rendition);
    return numbersIn(playlist).includes(n) ? playlist : undefined;
  });
}

/**
 * Starts what the origin needs.
 * @param isRealTime at the world's pace, for what plays it in a browser
 */
export async function openHarness(isRealTime = false): Promise<OriginHarness> {
  const pace = isRealTime ? undefined : FAST;
  const redisServer = await startRedis();
  const redis = connectRedis(redisServer.url, 'test', logger);
  const dir = await mkdtemp(join(tmpdir(), 'touchline-aggregator-'));
  const store = openFolderStore(join(dir, 'store'));
  const queue = openQueue(QUEUES.segments, redis, logger);
  let areReadsHanging = false;
  const read = <T>(answer: () => Promise<T>): Promise<T> =>
    areReadsHanging ? new Promise<T>(() => undefined) : answer();
  const readStore: ObjectStore = {
    ...store,
    get: (...given) => read(() => store.get(...given)),
    head: (...given) => read(() => store.head(...given)),
    async *list(prefix) {
      await read(() => Promise.resolve());
      yield* store.list(prefix);
    },
  };
  let running: Lifecycle | undefined;
  let channels = 0;

  const send = async (job: SegmentJob): Promise<void> => {
    await queue.add(job.type, job);
  };
  const record = async (broadcast: Broadcast): Promise<void> => {
    const key = storeKeys.broadcast(broadcast.channel, broadcast.broadcast);
    await store.put(key, Buffer.from(JSON.stringify(broadcast)));
  };
  /** A worker's bytes of a segment, and what it tells of them. */
  const handOut = async (
    broadcast: Broadcast,
    n: number,
    objects: ReadonlyMap<string, SegmentBytes>,
  ): Promise<Result> => {
    const result = resultOf(broadcast, n, objects);
    const made = await Promise.all(
      result.made.map(async (item) => {
        const bytes = objects.get(item.rendition);
        const hotId =
          bytes &&
          (await appendHotSegment(redis, broadcast.channel, item.rendition, {
            n: result.n,
            ...bytes,
          }));
        return { ...item, hotId: hotId ?? '0-1' };
      }),
    );
    return { ...result, made };
  };
  const stop = async (): Promise<void> => {
    await running?.close();
    running = undefined;
  };

  return {
    redis,
    store,
    stop,
    start: async () => {
      await stop();
      const port = await freePort();
      const lifecycle = new Lifecycle(logger);
      const metrics = new Registry();
      running = lifecycle;
      await startAggregator({
        config: parseConfig(aggregatorSettings, {
          DATA_DIR: dir,
          REDIS_URL: redisServer.url,
          ORIGIN_PORT: String(port),
        }),
        logger,
        clock: createClock(pace),
        redis,
        connect: (name) => {
          const connection = connectRedis(redisServer.url, name, logger);
          lifecycle.own(name, {
            close: () => {
              connection.disconnect();
              return Promise.resolve();
            },
          });
          return connection;
        },
        connectHot: (name) => {
          const connection = connectRedis(redisServer.url, name, logger);
          lifecycle.own(name, {
            close: () => {
              connection.disconnect();
              return Promise.resolve();
            },
          });
          return connection;
        },
        hotRedis: redis,
        store: readStore,
        metrics,
        lifecycle,
        id: 'aggregator-test',
        setReady: () => undefined,
        stopping: new AbortController().signal,
        setDetail: () => undefined,
        health: createHealthAnswer(metrics, () => true),
      });
      return `http://127.0.0.1:${port}`;
    },
    hangReads: (isHanging) => {
      areReadsHanging = isHanging;
    },
    close: async () => {
      await stop();
      await queue.close();
      redis.disconnect();
      await redisServer.close();
      await rm(dir, { recursive: true, force: true });
    },
    newBroadcast: (changes = {}) => {
      channels += 1;
      const now = createClock(pace).now();
      const broadcast = segmentOfTime(gridOf('30'), milliseconds(now - 20_000));
      return broadcastOf({ channel: `c${channels}`, broadcast, ...changes });
    },
    begin: async (broadcast) => {
      await record(broadcast);
      await send({ type: 'start', broadcast });
    },
    shed: async (broadcast, sheds) => {
      const changed = { ...broadcast, sheds };
      await record(changed);
      await send({ type: 'shed', broadcast: changed });
      return changed;
    },
    end: async (broadcast, last) => {
      const ended = { ...broadcast, last: segmentNumber(last) };
      await record(ended);
      await send({ type: 'end', broadcast: ended });
    },
    make: async (broadcast, n, objects = objectsOf(broadcast, n)) => {
      const result = await handOut(broadcast, n, objects);
      await send({ type: 'done', result });
      return result;
    },
    beginMade: async (broadcasts) => {
      const jobs = await Promise.all(
        broadcasts.map(async (broadcast): Promise<readonly SegmentJob[]> => {
          const n = broadcast.broadcast;
          const result = await handOut(broadcast, n, objectsOf(broadcast, n));
          return [
            { type: 'start', broadcast },
            { type: 'done', result },
          ];
        }),
      );
      await queue.addBulk(jobs.flat().map((data) => ({ name: data.type, data })));
    },
    keep: async (broadcast, result) => {
      const objects = objectsOf(broadcast, result.n);
      const { channel } = broadcast;
      for (const { rendition, initSha256 } of result.made) {
        const bytes = objects.get(rendition);
        if (bytes !== undefined) {
          const key = storeKeys.segment(channel, rendition, result.n);
          await store.put(key, bytes.data);
          await store.put(storeKeys.init(channel, rendition, initSha256.slice(0, 16)), bytes.init);
        }
      }
      await send({ type: 'stored', result });
    },
  };
}
