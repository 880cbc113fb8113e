/** The store's records that the leader writes: of broadcasts, and of what is owed. Written behind, because no number waits for a store that is away. */
import pRetry from 'p-retry';
import { storeKeys } from '#common/contracts/names';
import type { Broadcast } from '#common/contracts/segment';
import type { Task } from '#common/contracts/task';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import type { ObjectStore } from '#common/store/store';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
/** Records that may wait for the store; a broadcast has one, and each segment of which something is withheld. */
const MOST_WAITING = 2_000;

/** Writes records until they are in the store. */
export interface BroadcastWriter extends Closable {
  write(record: Broadcast): void;
  /** The task of what is withheld of a segment. */
  writeOwed(task: Task): void;
}

/** Opens a writer; closing it tries what waits once more. */
export function openBroadcastWriter(store: ObjectStore, logger: Logger): BroadcastWriter {
  const waiting = new Map<string, Broadcast | Task>();
  const stop = new AbortController();
  let draining: Promise<void> | undefined;

  /** Puts the record that has waited longest; one that was replaced meanwhile is put again. */
  const putFirst = async (): Promise<void> => {
    const [next] = waiting;
    if (next === undefined) {
      return;
    }
    const [key, record] = next;
    try {
      const body = Buffer.from(JSON.stringify(record));
      await store.put(key, body, { contentType: 'application/json' });
    } catch (error) {
      logger.warn({ error, key, waiting: waiting.size }, 'record not stored yet');
      throw error;
    }
    if (waiting.get(key) === record) {
      waiting.delete(key);
    }
  };

  /** Rejects only when the writer is closed meanwhile. */
  const drain = async (): Promise<void> => {
    while (waiting.size > 0) {
      await pRetry(putFirst, {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: FIRST_RETRY_MS,
        maxTimeout: LONGEST_RETRY_MS,
        signal: stop.signal,
      });
    }
  };

  const tryOnceMore = async (): Promise<void> => {
    while (waiting.size > 0) {
      await putFirst();
    }
  };

  const write = (key: string, record: Broadcast | Task): void => {
    waiting.set(key, record);
    if (waiting.size > MOST_WAITING) {
      const [oldest = key] = waiting.keys();
      waiting.delete(oldest);
      logger.error({ key: oldest }, 'record given up: the store is away for too long');
    }
    draining ??= drain()
      .catch(() => undefined)
      .finally(() => {
        draining = undefined;
      });
  };

  return {
    write: (record) => {
      write(storeKeys.broadcast(record.channel, record.broadcast), record);
    },
    writeOwed: (task) => {
      write(storeKeys.owed(task.channel, task.broadcast, task.n), task);
    },
    close: async () => {
      stop.abort();
      await draining;
      await tryOnceMore().catch(() => undefined);
    },
  };
}

/** The highest number of a broadcast that has a commit record; undefined if none has. */
export async function lastCommit(
  store: ObjectStore,
  { channel, broadcast }: Pick<Broadcast, 'channel' | 'broadcast'>,
): Promise<number | undefined> {
  let last: number | undefined;
  const prefix = storeKeys.commitPrefix(channel, broadcast);
  for await (const key of store.list(prefix)) {
    const n = Number(/\/(\d+)\.json$/.exec(key)?.[1] ?? Number.NaN);
    last = Number.isNaN(n) ? last : Math.max(last ?? n, n);
  }
  return last;
}
