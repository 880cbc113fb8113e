/**
 * One process's reader of channels' logs: a single blocking read over all that are followed. News are kept for each
 * follower until it takes them; one that takes nothing is left out of the read, and holds up none of the others.
 *
 * The read's wait is on nobody's way. Whoever begins to follow ends it by an entry in a stream of the process's own, which
 * the read names beside the logs. `CLIENT UNBLOCK` would do that without a key, but it finds nobody to unblock while the
 * read is on its way to Redis, is refused by access lists that forbid what is dangerous, and means nothing to a proxy. A
 * stream's entry waits for a read that is late. On Redis Cluster, where one read is of one slot, the stream's name takes the
 * tag of one of the read's channels.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { forgetWake, readLog, wakeReader, type LogRecord } from './channel-log.ts';
import { redisKeys } from './contracts/names.ts';
import type { Closable } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import type { Redis } from './redis.ts';

/** Real milliseconds of one read's wait: it ends only to be begun again. */
const BLOCK_MS = 5_000;
/** Records that one read brings of a channel, and that wait for it to be taken before it is left out. */
const COUNT = 1_000;
const RETRY_MS = 500;

/** What a log has brought. */
export interface LogNews {
  /** Oldest first. */
  readonly records: readonly LogRecord[];
  /** Whether the last read brought all that the log held. */
  readonly isAll: boolean;
}

/** One channel's log, followed. */
export interface Following {
  /** What has come since the last call. */
  take(): LogNews;
  stop(): void;
}

/** See the head of this file. */
export interface LogFollower extends Closable {
  /**
   * Follows a log.
   * @param after id of the last entry that is known
   * @param onNews called when there is something to take; must not throw
   */
  follow(channel: string, after: string, onNews: () => void): Following;
}

/** What a follower reads with. */
export interface LogFollowerDeps {
  /** For commands. */
  readonly redis: Redis;
  /** A connection for blocking reads alone. */
  readonly logRedis: Redis;
  readonly logger: Logger;
  /** Real milliseconds of one read's wait. */
  readonly blockMs?: number;
}

interface Followed {
  readonly channel: string;
  readonly onNews: () => void;
  after: string;
  records: LogRecord[];
  isAll: boolean;
}

const isLeftOut = ({ records }: Followed): boolean => records.length >= COUNT;

/** Opens a follower that follows nothing yet. */
export function openLogFollower(deps: LogFollowerDeps): LogFollower {
  const { redis, logRedis, logger, blockMs = BLOCK_MS } = deps;
  const wakeKey = redisKeys.logWake(randomUUID());
  const stop = new AbortController();
  /** By channel: who follows it now. */
  const followed = new Map<string, Followed>();
  let isReading = false;
  let isWoken = false;
  let begin = (): void => undefined;

  /** What is read has changed. */
  const wake = (): void => {
    begin();
    if (isReading && !isWoken) {
      isWoken = true;
      wakeReader(redis, wakeKey).catch((error: unknown) => {
        logger.debug({ error }, 'log reader not woken');
      });
    }
  };

  const deliver = (one: Followed, records: readonly LogRecord[]): void => {
    one.records.push(...records);
    one.after = records.at(-1)?.id ?? one.after;
    one.isAll = records.length < COUNT;
    one.onNews();
  };

  const read = async (): Promise<void> => {
    if (isWoken) {
      await forgetWake(redis, wakeKey);
      isWoken = false;
    }
    const wanted = [...followed.values()].filter((one) => !isLeftOut(one));
    if (wanted.length === 0) {
      await new Promise<void>((resolve) => {
        begin = resolve;
      });
      return;
    }
    isReading = true;
    try {
      const after = new Map(wanted.map((one) => [one.channel, one.after]));
      const news = await readLog(logRedis, after, { blockMs, count: COUNT, wakeKey });
      for (const one of wanted) {
        const records = news.get(one.channel);
        if (records !== undefined && followed.get(one.channel) === one) {
          deliver(one, records);
        }
      }
    } finally {
      isReading = false;
    }
  };

  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await read();
      } catch (error) {
        if (!stop.signal.aborted) {
          logger.error({ error }, 'logs not read');
          await delay(RETRY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
        }
      }
    }
  };
  void run();

  return {
    follow: (channel, after, onNews) => {
      const one: Followed = { channel, onNews, after, records: [], isAll: true };
      followed.set(channel, one);
      wake();
      return {
        take: () => {
          const { records, isAll } = one;
          const wasLeftOut = isLeftOut(one);
          one.records = [];
          if (wasLeftOut && followed.get(channel) === one) {
            wake();
          }
          return { records, isAll };
        },
        stop: () => {
          if (followed.get(channel) === one) {
            followed.delete(channel);
          }
        },
      };
    },
    // The read under way ends with its connection, or by itself.
    close: () => {
      stop.abort();
      followed.clear();
      wake();
      return Promise.resolve();
    },
  };
}
