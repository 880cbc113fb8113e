/** Where a result's bytes are: in the hot stream, else in the store. */
import { createHash } from 'node:crypto';
import { initHash } from '#common/contracts/delivery';
import { redisKeys, storeKeys } from '#common/contracts/names';
import type { Made, Published, Result } from '#common/contracts/segment';
import { PipelineError } from '#common/errors';
import { readHotSegment } from '#common/hot-segments';
import type { Redis } from '#common/redis';
import type { ObjectStore } from '#common/store/store';
import type { SegmentNumber } from '#common/time';
import type { SegmentObjects } from './memory.ts';
import type { SegmentBytes } from './verify.ts';

/** What reading needs. */
export interface ByteSources {
  readonly hotRedis: Redis;
  readonly store: Pick<ObjectStore, 'get'>;
}

async function readStored(
  store: ByteSources['store'],
  channel: string,
  n: SegmentNumber,
  item: Pick<Made, 'rendition' | 'initSha256'>,
): Promise<SegmentBytes | undefined> {
  const [data, init] = await Promise.all([
    store.get(storeKeys.segment(channel, item.rendition, n)),
    store.get(storeKeys.init(channel, item.rendition, initHash(item.initSha256))),
  ]);
  return data === undefined || init === undefined ? undefined : { init, data };
}

/** What was made on time is in the stream of its fragments, which nobody reads again: then it is the store that has it. */
async function readHot(
  hotRedis: Redis,
  channel: string,
  { rendition, hotId }: Made,
): ReturnType<typeof readHotSegment> {
  return hotId === '' ? undefined : readHotSegment(hotRedis, channel, rendition, hotId);
}

/**
 * Reads what a result names; nothing is verified here.
 * @throws PipelineError `INPUT_MISSING` when a rendition is in neither place, `STORE_FAILED`
 */
export async function readSegment(sources: ByteSources, result: Result): Promise<SegmentObjects> {
  const { channel, n } = result;
  const entries = await Promise.all(
    result.made.map(async (made): Promise<[string, SegmentBytes]> => {
      const hot = await readHot(sources.hotRedis, channel, made);
      const bytes = hot?.n === n ? hot : await readStored(sources.store, channel, n, made);
      if (bytes === undefined) {
        throw new PipelineError(
          'INPUT_MISSING',
          `${made.rendition} of segment ${n} is in neither hot stream nor store`,
        );
      }
      return [made.rendition, { init: bytes.init, data: bytes.data }];
    }),
  );
  return new Map(entries);
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Whether bytes are what a published record says. */
export function isSame(
  item: { readonly sha256: string; readonly initSha256: string },
  bytes: SegmentBytes,
): boolean {
  return sha256(bytes.data) === item.sha256 && sha256(bytes.init) === item.initSha256;
}

/** All segments of a rendition that its hot stream still holds, by number. */
export async function readHotSegments(
  hotRedis: Redis,
  channel: string,
  rendition: string,
): Promise<ReadonlyMap<number, SegmentBytes>> {
  const entries = await hotRedis.xrangeBuffer(redisKeys.hotSegments(channel, rendition), '-', '+');
  const found = new Map<number, SegmentBytes>();
  for (const [, [, n, , init, , data]] of entries) {
    if (n !== undefined && init !== undefined && data !== undefined) {
      found.set(Number(n.toString('latin1')), { init, data });
    }
  }
  return found;
}

/** Reads a published segment from the store and compares every hash; undefined unless all of it is there. */
export async function readStoredSegment(
  store: ByteSources['store'],
  channel: string,
  published: Published,
): Promise<SegmentObjects | undefined> {
  const objects = new Map<string, SegmentBytes>();
  for (const item of published.renditions) {
    const bytes = await readStored(store, channel, published.n, item);
    if (bytes === undefined || !isSame(item, bytes)) {
      return undefined;
    }
    objects.set(item.rendition, bytes);
  }
  return objects;
}
