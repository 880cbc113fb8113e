/**
 * What was published before this process started, put together from the stream of published segments, the commit
 * records and what out_MQ had delivered. Playlists go on where they were: what was listed is listed.
 */
import { storeKeys } from '#common/contracts/names';
import {
  resultSchema,
  type Broadcast,
  type Published,
  type PublishedFragment,
  type Result,
} from '#common/contracts/segment';
import type { Clock } from '#common/clock';
import { toPipelineError } from '#common/errors';
import { gridOf, timeOfSegment } from '#common/grid';
import { readJson } from '#common/json';
import type { Logger } from '#common/logger';
import { readPublishedFragments } from '#common/published-fragments';
import { readPublished } from '#common/published-stream';
import type { Redis } from '#common/redis';
import type { ObjectStore } from '#common/store/store';
import { segmentNumber, type SegmentNumber } from '#common/time';
import { declare, declaredSchema, firstDeclared, type Declared } from './declared.ts';
import type { SegmentMemory } from './memory.ts';
import { acceptedKey, declaredKey } from './names.ts';
import {
  completed,
  listNumbers,
  readBroadcast,
  readCommits,
  readCompletion,
} from './recordings.ts';
import { isSame, readHotSegments } from './segment-bytes.ts';
import { restoreTimeline, windowLength, type Timeline } from './timeline.ts';
import type { SegmentBytes } from './verify.ts';

/** What rebuilding reads from. */
export interface RebuildDeps {
  readonly redis: Redis;
  readonly hotRedis: Redis;
  readonly store: Pick<ObjectStore, 'get' | 'list'>;
  readonly memory: SegmentMemory;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One broadcast as it was. */
export interface Rebuilt {
  readonly timeline: Timeline;
  /** Published segments without a commit record. */
  readonly uncommitted: readonly Published[];
  readonly committed: readonly Published[];
  /** Accepted from out_MQ and not published. */
  readonly accepted: readonly Result[];
  /** Published fragments, where the profile has them. */
  readonly fragments: readonly PublishedFragment[];
}

/** Channels that have broadcasts in the store, with their numbers, ascending. */
export async function findBroadcasts(
  store: RebuildDeps['store'],
): Promise<ReadonlyMap<string, readonly SegmentNumber[]>> {
  const found = new Map<string, SegmentNumber[]>();
  for await (const key of store.list('broadcasts/')) {
    const match = /^broadcasts\/([a-z0-9-]+)\/(\d+)\.json$/.exec(key);
    if (match?.[1] !== undefined) {
      const number = segmentNumber(Number(match[2]));
      found.set(match[1], [...(found.get(match[1]) ?? []), number]);
    }
  }
  for (const numbers of found.values()) {
    numbers.sort((a, b) => a - b);
  }
  return found;
}

async function notedOf(redis: Redis, broadcast: Broadcast): Promise<Map<number, Published>> {
  const found = new Map<number, Published>();
  for (const published of await readPublished(redis, broadcast.channel)) {
    // The first entry of a number is what was listed; a repeated append says the same.
    if (published.broadcast === broadcast.broadcast && !found.has(published.n)) {
      found.set(published.n, published);
    }
  }
  return found;
}

/** The unbroken run of numbers that ends with the newest. */
function newestRun(records: ReadonlyMap<number, Published>, atMost: number): Published[] {
  const run: Published[] = [];
  for (let n = Math.max(...records.keys()); run.length < atMost; n -= 1) {
    const record = records.get(n);
    if (record === undefined) {
      break;
    }
    run.push(record);
  }
  return run.toReversed();
}

async function readDeclared(
  redis: Redis,
  broadcast: Broadcast,
  segments: readonly Published[],
): Promise<Declared> {
  const text = await redis.get(declaredKey(broadcast.channel));
  const kept = readJson(declaredSchema, text);
  if (kept?.broadcast === broadcast.broadcast) {
    return kept;
  }
  return segments.reduce(
    (sofar, published) => declare(broadcast, sofar, published),
    firstDeclared(broadcast),
  );
}

/** Bytes of uncommitted segments that the hot streams still hold, back into memory. */
async function restoreBytes(
  deps: RebuildDeps,
  broadcast: Broadcast,
  uncommitted: readonly Published[],
): Promise<void> {
  const { channel, renditions } = broadcast;
  const hot = new Map(
    await Promise.all(
      renditions.map(async ({ id }): Promise<[string, ReadonlyMap<number, SegmentBytes>]> => [
        id,
        await readHotSegments(deps.hotRedis, channel, id),
      ]),
    ),
  );
  for (const published of uncommitted) {
    const objects = new Map<string, SegmentBytes>();
    for (const item of published.renditions) {
      const bytes = hot.get(item.rendition)?.get(published.n);
      if (bytes !== undefined && isSame(item, bytes)) {
        objects.set(item.rendition, bytes);
      }
    }
    if (objects.size === published.renditions.length) {
      deps.memory.pin(channel, published.n, objects);
    }
  }
}

/**
 * Whether a broadcast has ended and all of it is committed: it is a recording, read when someone asks for it.
 */
export async function isDone(
  { store }: Pick<RebuildDeps, 'store'>,
  channel: string,
  number: SegmentNumber,
): Promise<boolean> {
  const broadcast = await readBroadcast(store, channel, number);
  if (broadcast === undefined || broadcast.last === null) {
    return false;
  }
  const committed = await listNumbers(store, storeKeys.commitPrefix(channel, number));
  return committed.length === broadcast.last - number + 1;
}

/** The commit records of the window, and the numbers that have one. */
async function readCommitted(
  { store }: RebuildDeps,
  broadcast: Broadcast,
  atMost: number,
): Promise<Published[]> {
  const { channel, broadcast: number } = broadcast;
  const prefix = storeKeys.commitPrefix(channel, number);
  const numbers = (await listNumbers(store, prefix)).slice(-2 * atMost);
  return readCommits(store, channel, number, numbers);
}

async function fragmentsOf(redis: Redis, broadcast: Broadcast): Promise<PublishedFragment[]> {
  return broadcast.profile === 'standard' ? [] : readPublishedFragments(redis, broadcast.channel);
}

/** Before its first segment has ended no segment of a broadcast can have been published, so nothing need be looked for. */
const isNew = ({ fps, broadcast, last }: Broadcast, clock: Clock): boolean =>
  last === null && clock.now() < timeOfSegment(gridOf(fps), segmentNumber(broadcast + 1));

/**
 * Puts one broadcast together; undefined if there is no record of it.
 * @param given its record, from out_MQ: with it a store that is away is no hindrance
 * @throws PipelineError `STORE_FAILED` when the store is away and nothing is given
 */
export async function rebuildBroadcast(
  deps: RebuildDeps,
  channel: string,
  number: SegmentNumber,
  given?: Broadcast,
): Promise<Rebuilt | undefined> {
  const { redis, store, clock, logger } = deps;
  if (given !== undefined && isNew(given, clock)) {
    const timeline = restoreTimeline(given, [], firstDeclared(given));
    const fragments = await fragmentsOf(redis, given);
    return { timeline, uncommitted: [], committed: [], accepted: [], fragments };
  }
  const unlessGiven = <T>(fallback: T) => {
    return (error: unknown): T => {
      if (given === undefined) {
        throw error;
      }
      logger.warn({ channel, error: toPipelineError(error) }, 'restoring without the store');
      return fallback;
    };
  };
  const record = await readBroadcast(store, channel, number).catch(unlessGiven(undefined));
  const broadcast = record ?? given;
  if (broadcast === undefined) {
    return undefined;
  }
  const atMost = windowLength(gridOf(broadcast.fps), broadcast.dvrSeconds);
  const committed = await readCommitted(deps, broadcast, atMost).catch(unlessGiven([]));
  const isCommitted = new Set(committed.map(({ n }) => n));
  const published = await notedOf(redis, broadcast);
  const records = new Map([
    ...committed.map((item): [number, Published] => [item.n, item]),
    ...published,
  ]);
  const segments = await completed(broadcast, newestRun(records, atMost), (n) =>
    readCompletion(store, channel, number, n).catch(unlessGiven(undefined)),
  );
  const uncommitted = [...published.values()].filter(({ n }) => !isCommitted.has(n));
  await restoreBytes(deps, broadcast, uncommitted);
  const declared = await readDeclared(redis, broadcast, segments);
  const texts = await redis.hvals(acceptedKey(channel));
  const accepted = texts
    .map((text) => readJson(resultSchema, text))
    .filter((result) => result?.broadcast === number)
    .filter((result) => result !== undefined);
  if (segments.length > 0) {
    logger.info(
      {
        channel,
        broadcast: number,
        newest: segments.at(-1)?.n,
        listed: segments.length,
        uncommitted: uncommitted.length,
        accepted: accepted.length,
      },
      'broadcast restored',
    );
  }
  return {
    timeline: restoreTimeline(broadcast, segments, declared),
    uncommitted,
    committed,
    accepted,
    fragments: await fragmentsOf(redis, broadcast),
  };
}
