/** Puts what a task made into the store, after the result is out; bounded, retried, in the background. */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import pRetry from 'p-retry';
import { storeKeys } from '#common/contracts/names';
import type { Result } from '#common/contracts/segment';
import { toPipelineError } from '#common/errors';
import { linkSignals } from '#common/linked-signal';
import type { Logger } from '#common/logger';
import type { ObjectStore } from '#common/store/store';
import type { Transcoded } from './transcode.ts';

/** A finished task on its way into the store. */
export interface Delivery {
  readonly result: Result;
  readonly made: Transcoded;
}

interface StoredObject {
  readonly key: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  /** Init segments are the same for many segments: known ones are not put again. */
  readonly isInit: boolean;
}

/** See {@link openWriteBehind}. */
export interface WriteBehind {
  /** Takes charge of a delivery, unless too much waits already; never waits, because the next task does. */
  add(delivery: Delivery): void;
  /** Waits a little for what is on its way, then gives the rest up. */
  close(): Promise<void>;
}

/** Bytes waiting, at most: some twenty segments of a whole ladder. */
const MAX_WAITING_BYTES = 96 * 1024 * 1024;
/** After this the origin, which holds the same bytes, has written them itself. */
const GIVE_UP_MS = 120_000;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5_000;
const CLOSE_MS = 3_000;
/** Init segments known to be stored: a few for each rendition of the channels worked on. */
const MOST_KNOWN_INITS = 1_000;

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
  const running = new Set<Promise<void>>();
  const knownInits = new LRUCache<string, true>({ max: MOST_KNOWN_INITS });
  let waiting = 0;

  const objectsOf = ({ result, made }: Delivery): StoredObject[] => {
    const { channel, n } = result;
    const objects = made.segments.flatMap(({ rendition, init, data }): StoredObject[] => [
      {
        key: storeKeys.init(channel, rendition, initName(init)),
        body: init,
        contentType: 'video/mp4',
        isInit: true,
      },
      {
        key: storeKeys.segment(channel, rendition, n),
        body: data,
        contentType: 'video/iso.segment',
        isInit: false,
      },
    ]);
    return made.preview === undefined
      ? objects
      : [
          ...objects,
          {
            key: storeKeys.preview(channel, n),
            body: made.preview,
            contentType: 'image/jpeg',
            isInit: false,
          },
        ];
  };

  const put = async (object: StoredObject, signal: AbortSignal): Promise<void> => {
    const { key, body, contentType, isInit } = object;
    if (!knownInits.has(key)) {
      await store.put(key, body, { contentType, signal, ...(isInit ? { ifAbsent: true } : {}) });
    }
    if (isInit) {
      knownInits.set(key, true);
    }
  };

  /** Each step has tries of its own: one that fails does not repeat the others. */
  const untilDone = (
    step: () => Promise<void>,
    what: { readonly channel: string; readonly n: number },
    signal: AbortSignal,
  ): Promise<void> =>
    pRetry(step, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: FIRST_RETRY_MS,
      maxTimeout: LAST_RETRY_MS,
      signal,
      onFailedAttempt: ({ error, attemptNumber }) => {
        const { code, message } = toPipelineError(error);
        logger.debug(
          { ...what, attempt: attemptNumber, code, reason: message },
          'store is retried',
        );
      },
    });

  const deliver = async (delivery: Delivery): Promise<void> => {
    const linked = linkSignals([stopped.signal], GIVE_UP_MS);
    const { signal } = linked;
    const { channel, n } = delivery.result;
    const what = { channel, n };
    const puts = objectsOf(delivery).map((object) =>
      untilDone(() => put(object, signal), what, signal),
    );
    const failed = (await Promise.allSettled(puts)).find(({ status }) => status === 'rejected');
    try {
      if (failed?.status === 'rejected') {
        throw failed.reason;
      }
      await untilDone(() => onStored(delivery.result), what, signal);
    } catch (error) {
      const { code, message } = toPipelineError(error);
      logger.warn({ ...what, code, reason: message }, 'segment not stored');
    } finally {
      linked.release();
    }
  };

  return {
    add: (delivery) => {
      const bytes = delivery.made.segments.reduce((sum, made) => sum + made.data.byteLength, 0);
      if (waiting > 0 && waiting + bytes > MAX_WAITING_BYTES) {
        const { channel, n } = delivery.result;
        logger.warn({ channel, n, waiting }, 'too much waits for the store: left to the origin');
        return;
      }
      waiting += bytes;
      const run = deliver(delivery).finally(() => {
        waiting -= bytes;
        running.delete(run);
      });
      running.add(run);
    },
    close: async () => {
      const timer = setTimeout(() => {
        stopped.abort();
      }, CLOSE_MS);
      await Promise.all(running);
      clearTimeout(timer);
    },
  };
}
