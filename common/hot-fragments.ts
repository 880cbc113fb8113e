/**
 * Fragments on their way from workers to the origin: one Redis Stream a rendition, some seconds of them. Workers that make
 * the same segment append the same bytes; readers take the first of each. Where encoders begin anew (`contracts/restart.ts`) the stream says
 * so, between what was out and what comes: of those before, nothing counts from there on that was not out.
 */
import { redisKeys } from './contracts/names.ts';
import { FIRST_GENERATION } from './contracts/restart.ts';
import { PipelineError } from './errors.ts';
import type { Redis } from './redis.ts';
import { segmentNumber, type SegmentNumber } from './time.ts';

const EXPIRY_SECONDS = 120;
/** Restarts remembered: more than the segments that a stream keeps can have. */
const MOST_RESTARTS = 64;

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
  /** Of the encoders that made it, see `contracts/restart.ts`. */
  readonly generation: number;
}

/** Encoders of segment `n` begin anew: from fragment `at` on those of this generation count, or of a later one. */
export interface HotRestart {
  readonly n: SegmentNumber;
  readonly generation: number;
  readonly at: number;
}

/** An entry of a stream. */
export type HotEntry = HotFragment | HotRestart;

/** Whether an entry is a fragment. */
export const isFragment = (entry: HotEntry): entry is HotFragment => 'bytes' in entry;

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
  { n, k, bytes, init, fingerprint, worker, generation }: HotFragment,
  kept: number,
): Promise<void> {
  const key = redisKeys.hotFragments(channel, rendition);
  const place = JSON.stringify([n, k, fingerprint, worker, generation]);
  const data = ['init', view(init), 'data', view(bytes)];
  await Promise.all([
    redis.xadd(key, 'MAXLEN', '~', kept, '*', 'p', place, ...data),
    ...(k === 0 ? [redis.expire(key, EXPIRY_SECONDS)] : []),
  ]);
}

/**
 * Adds where the fragments end that are out, unless they end where they did at the restart before, or nothing or all is out: then those before it
 * make the same bytes as those after it.
 */
const RESTART = `
local n, generation, fragments = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('HGET', KEYS[2], ARGV[1])
local last = known and cjson.decode(known) or { 0, 0 }
local made = last[2]
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
  if entry[2][1] == 'p' then
    local place = cjson.decode(entry[2][2])
    if place[1] == n and (place[5] or 0) >= last[1] then made = math.max(made, place[2] + 1) end
  end
end
if made > last[2] and made < fragments then
  redis.call('XADD', KEYS[1], '*', 'r', cjson.encode({ n, generation, made }))
  if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[5]) then redis.call('DEL', KEYS[2]) end
  redis.call('HSET', KEYS[2], ARGV[1], cjson.encode({ generation, made }))
  redis.call('EXPIRE', KEYS[2], ARGV[4])
end
return made`;

/**
 * Has the encoders of a segment begin anew behind the fragments that are out: of what others append from now on nothing counts.
 * @param fragments of a whole segment
 * @returns how many are out
 */
export async function restartHotFragments(
  redis: Pick<Redis, 'eval'>,
  { channel, rendition }: FragmentStream,
  { n, generation }: Pick<HotRestart, 'n' | 'generation'>,
  fragments: number,
): Promise<number> {
  const made = await redis.eval(
    RESTART,
    2,
    redisKeys.hotFragments(channel, rendition),
    redisKeys.hotRestarts(channel, rendition),
    n,
    generation,
    fragments,
    EXPIRY_SECONDS,
    MOST_RESTARTS,
  );
  return Number(made);
}

/** The generation whose fragments of a segment count now. */
export async function newestGeneration(
  redis: Pick<Redis, 'hget'>,
  { channel, rendition }: FragmentStream,
  n: SegmentNumber,
): Promise<number> {
  const known = await redis.hget(redisKeys.hotRestarts(channel, rendition), String(n));
  const [generation] = known === null ? [] : (JSON.parse(known) as unknown[]);
  return typeof generation === 'number' ? generation : FIRST_GENERATION;
}

/** Tells of a stream's fragments, read in order, which count. */
export class CountedFragments {
  #restarts: readonly HotRestart[] = [];

  /** Encoders began anew: of what is read from now on less counts. */
  restart(restart: HotRestart): void {
    this.#restarts = [...this.#restarts, restart].slice(-MOST_RESTARTS);
  }

  /** Whether a fragment counts. */
  has({ n, k, generation }: Pick<HotFragment, 'n' | 'k' | 'generation'>): boolean {
    return this.#restarts.every(
      (restart) => restart.n !== n || generation >= restart.generation || k < restart.at,
    );
  }
}

/**
 * The first fragments of a segment, in order, as they are out.
 * @throws PipelineError `INPUT_MISSING` unless there are that many
 */
export async function readFirstFragments(
  redis: Pick<Redis, 'xrangeBuffer'>,
  { channel, rendition }: FragmentStream,
  n: SegmentNumber,
  count: number,
): Promise<readonly HotFragment[]> {
  const entries = await redis.xrangeBuffer(redisKeys.hotFragments(channel, rendition), '-', '+');
  const counted = new CountedFragments();
  const found = new Map<number, HotFragment>();
  for (const entry of entries.flatMap(([, fields]) => parseEntry(fields))) {
    if (!isFragment(entry)) {
      counted.restart(entry);
    } else if (entry.n === n && entry.k < count && !found.has(entry.k) && counted.has(entry)) {
      found.set(entry.k, entry);
    }
  }
  if (found.size < count) {
    throw new PipelineError(
      'INPUT_MISSING',
      `${rendition}: ${count - found.size} fragments are gone`,
    );
  }
  return [...found.values()].toSorted((a, b) => a.k - b.k);
}

/** What one stream brought. */
export interface FragmentNews {
  readonly stream: FragmentStream;
  /** Id of the last entry read: to be given back to go on. */
  readonly id: string;
  readonly entries: readonly HotEntry[];
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
      : [{ stream, id, entries: entries.flatMap(([, fields]) => parseEntry(fields)) }];
  });
}

function parseEntry([name, text, , init, , data]: readonly Buffer[]): HotEntry[] {
  if (name === undefined || text === undefined) {
    return [];
  }
  try {
    const read = JSON.parse(text.toString('utf8')) as unknown[];
    if (!read.slice(0, 2).every(Number.isSafeInteger)) {
      return [];
    }
    const n = segmentNumber(Number(read[0]));
    if (name.toString('utf8') === 'r') {
      return [{ n, generation: Number(read[1]), at: Number(read[2]) }];
    }
    const [, k, fingerprint, worker, generation] = read;
    return init === undefined || data === undefined
      ? []
      : [
          {
            n,
            k: Number(k),
            bytes: data,
            // A short field is a slice of the whole read from the socket, which an init segment kept for long would keep with it.
            init: Buffer.from(init),
            fingerprint: String(fingerprint),
            worker: String(worker),
            generation: Number(generation ?? FIRST_GENERATION),
          },
        ];
  } catch {
    return [];
  }
}
