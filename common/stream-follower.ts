/**
 * One process's reader of Redis Streams: a single blocking read over all that are followed, whose entries are handed over
 * as they come, as bytes. Whoever begins to follow ends the read under way by an entry in a stream of the process's own, as
 * `log-follower.ts` explains.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { forgetWake, isBefore, wakeReader } from './channel-log.ts';
import { redisKeys } from './contracts/names.ts';
import type { Closable } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import type { Redis } from './redis.ts';

/** Real milliseconds of one read's wait: it ends only to be begun again. */
const BLOCK_MS = 5_000;
/** Entries that one read brings of a stream. */
const COUNT = 500;
const RETRY_MS = 500;

/** One entry: its id, and its fields' names and values in turn. */
export interface StreamEntry {
  readonly id: string;
  readonly fields: readonly Buffer[];
}

/** See the head of this file. */
export interface StreamFollower extends Closable {
  /**
   * Follows a stream.
   * @param after id of the last entry that is known; `$` is not one
   * @param onEntries called with what has come, oldest first; must not throw
   * @returns stops following
   */
  follow(
    key: string,
    after: string,
    onEntries: (entries: readonly StreamEntry[]) => void,
  ): () => void;
}

/** What a follower reads with. */
export interface StreamFollowerDeps {
  /** For commands, on the Redis that has the streams. */
  readonly redis: Redis;
  /** A connection to it for blocking reads alone. */
  readonly readRedis: Redis;
  readonly logger: Logger;
}

interface Followed {
  readonly key: string;
  readonly onEntries: (entries: readonly StreamEntry[]) => void;
  after: string;
}

type Answer = readonly (readonly [Buffer, readonly (readonly [Buffer, Buffer[]])[]])[];

/** Opens a follower that follows nothing yet. */
export function openStreamFollower({
  redis,
  readRedis,
  logger,
}: StreamFollowerDeps): StreamFollower {
  const wakeKey = redisKeys.logWake(randomUUID());
  const stop = new AbortController();
  const followed = new Set<Followed>();
  let isReading = false;
  let isWoken = false;
  let begin = (): void => undefined;

  const wake = (): void => {
    begin();
    if (isReading && !isWoken) {
      isWoken = true;
      wakeReader(redis, wakeKey).catch((error: unknown) => {
        logger.debug({ error }, 'stream reader not woken');
      });
    }
  };

  const read = async (): Promise<void> => {
    if (isWoken) {
      await forgetWake(redis, wakeKey);
      isWoken = false;
    }
    const wanted = [...followed];
    if (wanted.length === 0) {
      await new Promise<void>((resolve) => {
        begin = resolve;
      });
      return;
    }
    // A stream that several follow is read once, from where the one furthest behind is.
    const firsts = new Map<string, string>();
    for (const { key, after } of wanted) {
      const first = firsts.get(key);
      firsts.set(key, first === undefined || isBefore(after, first) ? after : first);
    }
    isReading = true;
    try {
      const answer = (await readRedis.xreadBuffer(
        'COUNT',
        COUNT,
        'BLOCK',
        BLOCK_MS,
        'STREAMS',
        ...firsts.keys(),
        wakeKey,
        ...firsts.values(),
        '0',
      )) as Answer | null;
      const byKey = new Map(
        (answer ?? []).map(([key, entries]) => [key.toString('utf8'), entries]),
      );
      for (const one of wanted) {
        const entries = (byKey.get(one.key) ?? [])
          .map(([id, fields]) => ({ id: id.toString('latin1'), fields }))
          .filter(({ id }) => isBefore(one.after, id));
        if (entries.length > 0 && followed.has(one)) {
          one.after = entries.at(-1)?.id ?? one.after;
          one.onEntries(entries);
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
          logger.error({ error }, 'streams not read');
          await delay(RETRY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
        }
      }
    }
  };
  void run();

  return {
    follow: (key, after, onEntries) => {
      const one: Followed = { key, after, onEntries };
      followed.add(one);
      wake();
      return () => {
        followed.delete(one);
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
