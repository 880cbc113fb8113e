/** Segments on their way into the store, behind the live path: bounded, retried, then told to the origin. */
import pRetry from 'p-retry';
import { QUEUES, storeKeys } from '../common/contracts/names.ts';
import type { Result, SegmentJob } from '../common/contracts/segment.ts';
import type { Closable } from '../common/lifecycle.ts';
import type { Logger } from '../common/logger.ts';
import type { Queue } from '../common/queues.ts';
import type { ObjectStore } from '../common/store/store.ts';
import { segmentNumber } from '../common/time.ts';
import type { MadeSegment } from './made-segment.ts';

/** Results waiting for the store at once; beyond it the origin, which holds the bytes, writes them itself. */
const MOST_PENDING = 16;
/** Attempts span about half a minute. */
const RETRIES = { retries: 6, minTimeout: 250, factor: 2.2 };

/** What one task made, to be kept. */
export interface Parcel {
  readonly result: Result;
  readonly segments: readonly MadeSegment[];
  readonly preview: Buffer | undefined;
}

/** Takes parcels; `close` waits for those on their way. */
export interface Delivery extends Closable {
  send(parcel: Parcel): void;
}

/** See the head of this file. */
export function startDelivery(store: ObjectStore, segments: Queue, logger: Logger): Delivery {
  const pending = new Set<Promise<void>>();
  const knownInits = new Set<string>();

  const put = async (key: string, body: Uint8Array, contentType: string): Promise<void> => {
    await pRetry(() => store.put(key, body, { contentType }), RETRIES);
  };

  const deliver = async ({ result, segments: made, preview }: Parcel): Promise<void> => {
    const { channel } = result;
    const n = segmentNumber(result.n);
    const puts = made.map((segment) =>
      put(storeKeys.segment(channel, segment.rendition, n), segment.data, 'video/mp4'),
    );
    for (const segment of made) {
      const hash = result.made.find(({ rendition }) => rendition === segment.rendition)?.initSha256;
      const key = storeKeys.init(channel, segment.rendition, (hash ?? '').slice(0, 16));
      if (!knownInits.has(key)) {
        puts.push(put(key, segment.init, 'video/mp4').then(() => void knownInits.add(key)));
      }
    }
    if (preview !== undefined) {
      puts.push(put(storeKeys.preview(channel, n), preview, 'image/jpeg'));
    }
    await Promise.all(puts);
    await segments.add('stored', { type: 'stored', result } satisfies SegmentJob, {
      jobId: `stored-${channel}-${result.n}-${result.worker}`,
    });
  };

  return {
    send: (parcel) => {
      const { channel, n } = parcel.result;
      if (pending.size >= MOST_PENDING) {
        logger.warn({ channel, n, queue: QUEUES.segments }, 'store is slow, origin will write');
        return;
      }
      const work = deliver(parcel)
        .catch((error: unknown) => {
          logger.warn({ error, channel, n }, 'segment not stored by this worker');
        })
        .finally(() => pending.delete(work));
      pending.add(work);
    },
    close: async () => {
      await Promise.all(pending);
    },
  };
}
