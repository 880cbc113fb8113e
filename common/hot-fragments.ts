/**
 * Fragments on their way from workers to the origin: one Redis Stream a rendition, some seconds of them. Workers that make
 * the same segment append the same bytes; readers take the first of each.
 */
import { redisKeys } from './contracts/names.ts';
import type { Redis } from './redis.ts';
import { segmentNumber, type SegmentNumber } from './time.ts';

const EXPIRY_SECONDS = 120;

/** A fragment of one rendition: one `moof` and `mdat`. */
export interface HotFragment {
  readonly n: SegmentNumber;
  /** Its number within the segment, from 0. */
  readonly k: number;
  readonly bytes: Uint8Array;
  /** The init segment that it belongs to. */
  readonly init: Uint8Array;
  /** What decides bytes besides the task. */
  readonly fingerprint: string;
  readonly worker: string;
}

/** Names one stream. */
export interface FragmentStream {
  readonly channel: string;
  readonly rendition: string;
}

const view = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Appends a fragment. Its stream is kept from its segment's first one on: a command for each fragment, and no more.
 * @param kept fragments that the stream keeps: those of eight segments are enough for an origin's restart
 */
export async function appendHotFragment(
  redis: Pick<Redis, 'xadd' | 'expire'>,
  { channel, rendition }: FragmentStream,
  { n, k, bytes, init, fingerprint, worker }: HotFragment,
  kept: number,
): Promise<void> {
  const key = redisKeys.hotFragments(channel, rendition);
  const place = JSON.stringify([n, k, fingerprint, worker]);
  const data = ['init', view(init), 'data', view(bytes)];
  await Promise.all([
    redis.xadd(key, 'MAXLEN', '~', kept, '*', 'p', place, ...data),
    ...(k === 0 ? [redis.expire(key, EXPIRY_SECONDS)] : []),
  ]);
}

/** What one stream brought. */
export interface FragmentNews {
  readonly stream: FragmentStream;
  /** Id of the last entry read: to be given back to go on. */
  readonly id: string;
  readonly fragments: readonly HotFragment[];
}

/**
 * Reads what follows the given ids, over several streams at once; waits up to `blockMs` when nothing does. Needs a
 * connection of its own. A stream without news is absent from the answer; entries that are none of ours are left out.
 */
export async function readHotFragments(
  redis: Redis,
  after: readonly { readonly stream: FragmentStream; readonly id: string }[],
  options: { readonly blockMs: number; readonly count: number },
): Promise<FragmentNews[]> {
  const keyOf = ({ channel, rendition }: FragmentStream): string =>
    redisKeys.hotFragments(channel, rendition);
  const answer = await redis.xreadBuffer(
    'COUNT',
    options.count,
    'BLOCK',
    Math.max(1, Math.round(options.blockMs)),
    'STREAMS',
    ...after.map(({ stream }) => keyOf(stream)),
    ...after.map(({ id }) => id),
  );
  const byKey = new Map(after.map(({ stream }) => [keyOf(stream), stream]));
  return ((answer ?? []) as [Buffer, [Buffer, Buffer[]][]][]).flatMap(([key, entries]) => {
    const stream = byKey.get(key.toString('utf8'));
    const id = entries.at(-1)?.[0].toString('latin1');
    return stream === undefined || id === undefined
      ? []
      : [{ stream, id, fragments: entries.flatMap(([, fields]) => parseFragment(fields)) }];
  });
}

function parseFragment([, place, , init, , data]: readonly Buffer[]): HotFragment[] {
  if (place === undefined || init === undefined || data === undefined) {
    return [];
  }
  try {
    const [n, k, fingerprint, worker] = JSON.parse(place.toString('utf8')) as unknown[];
    if (!Number.isSafeInteger(n) || !Number.isSafeInteger(k)) {
      return [];
    }
    return [
      {
        n: segmentNumber(Number(n)),
        k: Number(k),
        bytes: data,
        // A short field is a slice of the whole read from the socket, which an init segment kept for long would keep with it.
        init: Buffer.from(init),
        fingerprint: String(fingerprint),
        worker: String(worker),
      },
    ];
  } catch {
    return [];
  }
}
