/** Puts what a task made into the store, after the result is out; bounded, retried, in the background. */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { storeKeys } from '../common/contracts/names.ts';
import type { Result } from '../common/contracts/segment.ts';
import { toPipelineError } from '../common/errors.ts';
import { linkSignals } from '../common/linked-signal.ts';
import type { Logger } from '../common/logger.ts';
import type { ObjectStore } from '../common/store/store.ts';
import { segmentNumber } from '../common/time.ts';
import type { Transcoded } from './transcode.ts';

/** A finished task on its way into the store. */
export interface Delivery {
  readonly result: Result;
  readonly made: Transcoded;
}

/** See {@link openWriteBehind}. */
export interface WriteBehind {
  /** Takes charge of a delivery; when there is no room, the oldest are given up: the origin has their bytes, too. */
  add(delivery: Delivery): void;
  /** Waits a little for what is on its way, then gives the rest up. */
  close(): Promise<void>;
}

/** Bytes waiting, at most: some twenty segments of a whole ladder. */
const MAX_WAITING_BYTES = 96 * 1024 * 1024;
/** After this the origin, which holds the same bytes, has written them itself. */
const GIVE_UP_MS = 120_000;
/** Init segments known to be stored: a few for each rendition of the channels worked on. */
const MOST_KNOWN_INITS = 1_000;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5_000;
const CLOSE_MS = 3_000;

/** First 16 hex digits of an init segment's SHA-256: its name. */
const initName = (init: Uint8Array): string =>
  createHash('sha256').update(init).digest('hex').slice(0, 16);

/**
 * Starts writing behind.
 * @param onStored called once every object of a result is in the store; its failure is retried like a put's
 */
export function openWriteBehind(
  store: Pick<ObjectStore, 'put'>,
  logger: Logger,
  onStored: (result: Result) => Promise<void>,
): WriteBehind {
  const stopped = new AbortController();
  const running = new Map<Promise<void>, { readonly bytes: number; readonly giveUp: () => void }>();
  const knownInits = new LRUCache<string, true>({ max: MOST_KNOWN_INITS });
  let waiting = 0;

  const putAll = async ({ result, made }: Delivery, signal: AbortSignal): Promise<void> => {
    const { channel } = result;
    const n = segmentNumber(result.n);
    const puts = made.segments.flatMap(({ rendition, init, data }) => {
      const initKey = storeKeys.init(channel, rendition, initName(init));
      return [
        ...(knownInits.has(initKey) ? [] : [putInit(initKey, init, signal)]),
        store.put(storeKeys.segment(channel, rendition, n), data, {
          contentType: 'video/iso.segment',
          signal,
        }),
      ];
    });
    if (made.preview !== undefined) {
      const key = storeKeys.preview(channel, n);
      puts.push(store.put(key, made.preview, { contentType: 'image/jpeg', signal }));
    }
    await Promise.all(puts);
    await onStored(result);
  };

  const putInit = async (key: string, init: Buffer, signal: AbortSignal): Promise<'stored'> => {
    await store.put(key, init, { ifAbsent: true, contentType: 'video/mp4', signal });
    knownInits.set(key, true);
    return 'stored';
  };

  const deliver = async (delivery: Delivery, noRoom: AbortSignal): Promise<void> => {
    const linked = linkSignals([stopped.signal, noRoom], GIVE_UP_MS);
    try {
      await deliverUntil(delivery, linked.signal);
    } finally {
      linked.release();
    }
  };

  const deliverUntil = async (delivery: Delivery, signal: AbortSignal): Promise<void> => {
    const { channel, n } = delivery.result;
    for (let attempt = 0; ; attempt += 1) {
      try {
        await putAll(delivery, signal);
        return;
      } catch (error) {
        const { code, message } = toPipelineError(error);
        if (signal.aborted) {
          logger.warn({ channel, n, code, reason: message }, 'segment not stored');
          return;
        }
        logger.debug({ channel, n, attempt, code, reason: message }, 'store is retried');
        const pause = Math.min(FIRST_RETRY_MS * 2 ** attempt, LAST_RETRY_MS);
        await delay(pause, undefined, { signal }).catch(() => undefined);
      }
    }
  };

  return {
    add: (delivery) => {
      const bytes = delivery.made.segments.reduce((sum, made) => sum + made.data.byteLength, 0);
      for (const [oldest, { bytes: freed, giveUp }] of running) {
        if (waiting + bytes <= MAX_WAITING_BYTES) {
          break;
        }
        giveUp();
        running.delete(oldest);
        waiting -= freed;
      }
      const noRoom = new AbortController();
      const run = deliver(delivery, noRoom.signal).finally(() => {
        if (running.delete(run)) {
          waiting -= bytes;
        }
      });
      waiting += bytes;
      running.set(run, {
        bytes,
        giveUp: () => {
          noRoom.abort();
        },
      });
    },
    close: async () => {
      const timer = setTimeout(() => {
        stopped.abort();
      }, CLOSE_MS);
      await Promise.all(running.keys());
      clearTimeout(timer);
    },
  };
}
