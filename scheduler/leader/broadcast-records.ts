/** The store's records of broadcasts. Written behind, because no number waits for a store that is away. */
import { setTimeout as delay } from 'node:timers/promises';
import { storeKeys } from '#common/contracts/names';
import type { Broadcast } from '#common/contracts/segment';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import type { ObjectStore } from '#common/store/store';
import { segmentNumber } from '#common/time';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
/** Records that may wait for the store; a broadcast has one. */
const MOST_WAITING = 1_000;

/** Writes records until they are in the store. */
export interface BroadcastWriter extends Closable {
  write(record: Broadcast): void;
}

/** Opens a writer; closing it tries what waits once more. */
export function openBroadcastWriter(store: ObjectStore, logger: Logger): BroadcastWriter {
  const waiting = new Map<string, Broadcast>();
  const stop = new AbortController();
  let draining: Promise<void> | undefined;

  const drain = async (): Promise<void> => {
    let pause = FIRST_RETRY_MS;
    for (let next = first(waiting); next !== undefined; next = first(waiting)) {
      const [key, record] = next;
      try {
        const body = Buffer.from(JSON.stringify(record));
        await store.put(key, body, { contentType: 'application/json' });
        if (waiting.get(key) === record) {
          waiting.delete(key);
        }
        pause = FIRST_RETRY_MS;
      } catch (error) {
        logger.warn({ error, key, waiting: waiting.size }, 'broadcast record not stored yet');
        if (stop.signal.aborted) {
          return;
        }
        await delay(pause, undefined, { signal: stop.signal }).catch(() => undefined);
        pause = Math.min(LONGEST_RETRY_MS, 2 * pause);
      }
    }
  };

  return {
    write: (record) => {
      const key = storeKeys.broadcast(record.channel, segmentNumber(record.broadcast));
      waiting.set(key, record);
      if (waiting.size > MOST_WAITING) {
        waiting.delete(first(waiting)?.[0] ?? key);
        logger.error({ key }, 'broadcast record given up: the store is away for too long');
      }
      draining ??= drain().finally(() => {
        draining = undefined;
      });
    },
    close: async () => {
      stop.abort();
      await draining;
    },
  };
}

const first = <K, V>(map: ReadonlyMap<K, V>): [K, V] | undefined => map.entries().next().value;

/** The highest number of a broadcast that has a commit record; undefined if none has. */
export async function lastCommit(
  store: ObjectStore,
  { channel, broadcast }: Pick<Broadcast, 'channel' | 'broadcast'>,
): Promise<number | undefined> {
  let last: number | undefined;
  const prefix = storeKeys.commitPrefix(channel, segmentNumber(broadcast));
  for await (const key of store.list(prefix)) {
    const n = Number(/\/(\d+)\.json$/.exec(key)?.[1] ?? Number.NaN);
    last = Number.isNaN(n) ? last : Math.max(last ?? n, n);
  }
  return last;
}
