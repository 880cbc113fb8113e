/** Finished segments on their way from worker to origin: one Redis Stream per rendition, the last few only. */
import { redisKeys } from './contracts/names.ts';
import type { Redis } from './redis.ts';
import { segmentNumber, type SegmentNumber } from './time.ts';

/** Segments kept per rendition: some 16 s, enough for an origin's restart. */
const KEPT = 8;
const EXPIRY_SECONDS = 120;

/** A finished segment of one rendition. */
export interface HotSegment {
  readonly n: SegmentNumber;
  readonly init: Uint8Array;
  readonly data: Uint8Array;
}

const view = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Appends a segment; resolves to its entry id, which the result carries. */
export async function appendHotSegment(
  redis: Redis,
  channel: string,
  rendition: string,
  segment: HotSegment,
): Promise<string> {
  const key = redisKeys.hotSegments(channel, rendition);
  const [id] = await Promise.all([
    redis.xadd(
      key,
      'MAXLEN',
      KEPT,
      '*',
      'n',
      segment.n,
      'init',
      view(segment.init),
      'data',
      view(segment.data),
    ),
    redis.expire(key, EXPIRY_SECONDS),
  ]);
  return id ?? '';
}

/** Reads one segment by its entry id, or undefined once it has been trimmed. */
export async function readHotSegment(
  redis: Redis,
  channel: string,
  rendition: string,
  id: string,
): Promise<{ n: SegmentNumber; init: Buffer; data: Buffer } | undefined> {
  const entries = await redis.xrangeBuffer(redisKeys.hotSegments(channel, rendition), id, id);
  const fields = entries[0]?.[1];
  if (fields === undefined) {
    return undefined;
  }
  const [, n, , init, , data] = fields;
  if (n === undefined || init === undefined || data === undefined) {
    return undefined;
  }
  // A short reply is a slice of the whole read from the socket, which an init segment kept for long would keep with it.
  return { n: segmentNumber(Number(n.toString('latin1'))), init: Buffer.from(init), data };
}
