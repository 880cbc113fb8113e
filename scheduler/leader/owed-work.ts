/**
 * What was withheld on air and is owed to the recording: its segments are made from raw chunks, as many at once as the workers
 * have room for beside all live work. Each stands in the store until it is made, so no leader's end loses one.
 */
import type { Clock } from '#common/clock';
import { storeKeys } from '#common/contracts/names';
import { taskSchema, type Task } from '#common/contracts/task';
import { readJson } from '#common/json';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import type { ObjectStore } from '#common/store/store';
import type { TranscodeQueue } from './transcode-queue.ts';

/** Between looks, clock milliseconds. */
const LOOK_MS = 1_000;
/** From a task's end to its record in the store, at most: then it is given out again. */
const RECORD_MS = 30_000;
/** Times that one is given out before it is left to the next leader: its raw chunks may be gone. */
const MOST_TRIES = 3;
/** Segments remembered: some fourteen hours of one channel. Those beyond stay in the store for the next leader. */
const MOST_KNOWN = 25_000;

/** What it works with. */
export interface OwedDeps {
  readonly store: Pick<ObjectStore, 'get' | 'head' | 'list' | 'delete'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly transcode: Pick<TranscodeQueue, 'addOwed' | 'isOwedOpen'>;
  /** How many segments the workers can make at once now, beside all that is on air. */
  readonly atOnce: () => Promise<number>;
}

/** See the head of this file. */
export interface OwedWork extends Closable {
  /** The task of what is withheld of a segment is on its way into the store. */
  owe(task: Task): void;
  /** Segments that are known to be owed. */
  readonly count: number;
}

interface UnderWay {
  readonly key: string;
  readonly task: Task;
  /** When its task was seen to be over without its record; undefined before that. */
  overSince: number | undefined;
}

/** Starts to make it. */
export function startOwedWork({ store, clock, logger, transcode, atOnce }: OwedDeps): OwedWork {
  /** Keys, and how often each was given out; the one to be made next is first. */
  const known = new Map<string, number>();
  const underWay = new Map<string, UnderWay>();
  let looking: Promise<void> | undefined;
  let isClosed = false;

  const remember = (key: string): void => {
    if (known.size < MOST_KNOWN && !known.has(key)) {
      known.set(key, 0);
    }
  };

  const isMade = async ({ channel, broadcast, n }: Task): Promise<boolean> =>
    (await store.head(storeKeys.completion(channel, broadcast, n))) !== undefined;

  const forget = async (key: string): Promise<void> => {
    known.delete(key);
    await store.delete(key);
  };

  /** It goes behind the others. */
  const postpone = (key: string): void => {
    const tries = known.get(key) ?? 0;
    known.delete(key);
    if (tries < MOST_TRIES) {
      known.set(key, tries);
    } else {
      logger.error({ key }, 'what was withheld cannot be made: left to the next leader');
    }
  };

  const follow = async (one: UnderWay): Promise<void> => {
    const { key, task } = one;
    if (await isMade(task)) {
      const { channel, n } = task;
      underWay.delete(key);
      await forget(key);
      logger.info({ channel, n, left: known.size }, 'what was withheld is made');
    } else if (!transcode.isOwedOpen(task.channel, task.n)) {
      one.overSince ??= clock.now();
      if (clock.now() - one.overSince > RECORD_MS) {
        underWay.delete(key);
        postpone(key);
      }
    }
  };

  const take = async (key: string, tries: number): Promise<void> => {
    const task = readJson(taskSchema, (await store.get(key))?.toString('utf8'));
    known.set(key, tries + 1);
    if (task === undefined) {
      // Not in the store yet.
      postpone(key);
    } else if (await isMade(task)) {
      await forget(key);
    } else if (!isClosed) {
      await transcode.addOwed(task);
      underWay.set(key, { key, task, overSince: undefined });
    }
  };

  const look = async (): Promise<void> => {
    for (const one of [...underWay.values()]) {
      await follow(one);
    }
    const waiting = [...known].filter(([key]) => !underWay.has(key));
    if (waiting.length === 0) {
      return;
    }
    for (const [key, tries] of waiting.slice(0, Math.max(0, (await atOnce()) - underWay.size))) {
      await take(key, tries);
    }
  };

  const recall = (async (): Promise<void> => {
    const keys: string[] = [];
    for await (const key of store.list(storeKeys.owedPrefix)) {
      keys.push(key);
    }
    for (const key of keys.toSorted()) {
      remember(key);
    }
  })().catch((error: unknown) => {
    logger.warn({ error }, 'not known what is owed from before');
  });

  const timer = setInterval(() => {
    looking ??= look()
      .catch((error: unknown) => {
        logger.warn({ error }, 'what was withheld is not made yet');
      })
      .finally(() => {
        looking = undefined;
      });
  }, LOOK_MS / clock.rate);

  return {
    owe: ({ channel, broadcast, n }) => {
      remember(storeKeys.owed(channel, broadcast, n));
    },
    get count() {
      return known.size;
    },
    close: async () => {
      isClosed = true;
      clearInterval(timer);
      await recall;
      await looking;
    },
  };
}
