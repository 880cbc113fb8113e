/**
 * Broadcasts as the store keeps them: their record and commit records, read on demand and cached within bounds.
 * What a broadcast's segments are is known from commit records only, never from objects that happen to exist.
 */
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { storeKeys } from '#common/contracts/names';
import {
  broadcastSchema,
  publishedSchema,
  type Broadcast,
  type Published,
} from '#common/contracts/segment';
import { withheldAt } from '#common/contracts/shed';
import type { ObjectStore } from '#common/store/store';
import { segmentNumber, type SegmentNumber } from '#common/time';
import { withCompletion } from './completions.ts';
import { declare, firstDeclared } from './declared.ts';
import { restoreTimeline, type Timeline } from './timeline.ts';

/** Commit records held in all, single ones and those of whole recordings. */
const MAX_RECORDS = 50_000;
const MAX_RECORDING_RECORDS = 200_000;
/** Records read at a time. */
const CONCURRENT = 32;
/** What may still change is read again after this (real milliseconds). */
const UNFINISHED_MS = 5_000;
/** What was withheld is made when there is room, which may be long after. */
const INCOMPLETE_MS = 30_000;

type RecordStore = Pick<ObjectStore, 'get' | 'list'>;

const numberOf = (key: string): number => Number(/\/(\d+)\.json$/.exec(key)?.[1] ?? Number.NaN);

/** Numbers of the JSON records under a prefix, ascending. */
export async function listNumbers(store: RecordStore, prefix: string): Promise<SegmentNumber[]> {
  const numbers: SegmentNumber[] = [];
  for await (const key of store.list(prefix)) {
    const n = numberOf(key);
    if (Number.isSafeInteger(n)) {
      numbers.push(segmentNumber(n));
    }
  }
  return numbers.toSorted((a, b) => a - b);
}

/** A broadcast's record, or undefined. */
export async function readBroadcast(
  store: RecordStore,
  channel: string,
  broadcast: SegmentNumber,
): Promise<Broadcast | undefined> {
  const bytes = await store.get(storeKeys.broadcast(channel, broadcast));
  return bytes === undefined
    ? undefined
    : broadcastSchema.parse(JSON.parse(bytes.toString('utf8')));
}

/** One commit record, or undefined. */
export async function readCommit(
  store: RecordStore,
  channel: string,
  broadcast: SegmentNumber,
  n: SegmentNumber,
): Promise<Published | undefined> {
  const key = storeKeys.commit(channel, broadcast, n);
  const bytes = await store.get(key);
  return bytes === undefined
    ? undefined
    : publishedSchema.parse(JSON.parse(bytes.toString('utf8')));
}

/** The commit records of some numbers, those that exist, in the same order. */
export async function readCommits(
  store: RecordStore,
  channel: string,
  broadcast: SegmentNumber,
  numbers: readonly SegmentNumber[],
): Promise<Published[]> {
  const limit = pLimit(CONCURRENT);
  const records = await Promise.all(
    numbers.map((n) => limit(() => readCommit(store, channel, broadcast, n))),
  );
  return records.filter((record) => record !== undefined);
}

/** What was made of a segment after it was withheld on air, or undefined. */
export async function readCompletion(
  store: RecordStore,
  channel: string,
  broadcast: SegmentNumber,
  n: SegmentNumber,
): Promise<Published | undefined> {
  const bytes = await store.get(storeKeys.completion(channel, broadcast, n));
  return bytes === undefined
    ? undefined
    : publishedSchema.parse(JSON.parse(bytes.toString('utf8')));
}

/** Records with what was made of their segments afterwards; asked for only where something was withheld. */
export async function completed(
  broadcast: Broadcast,
  records: readonly Published[],
  completionOf: (n: SegmentNumber) => Promise<Published | undefined>,
): Promise<Published[]> {
  return pLimit(CONCURRENT).map(records, async (record) =>
    withheldAt(broadcast, record.n).size === 0
      ? record
      : withCompletion(broadcast, record, await completionOf(record.n)),
  );
}

/** See the head of this file. */
export class Recordings {
  readonly #store: RecordStore;
  readonly #commits = new LRUCache<string, Published>({ max: MAX_RECORDS });
  readonly #recordings: LRUCache<string, Timeline>;
  readonly #starts: LRUCache<string, SegmentNumber[]>;

  constructor(store: RecordStore) {
    this.#store = store;
    this.#recordings = new LRUCache({
      maxSize: MAX_RECORDING_RECORDS,
      sizeCalculation: (timeline) => timeline.segments.length + 1,
      fetchMethod: async (key, _stale, { options }) => {
        const [channel = '', broadcast = ''] = key.split('/');
        const timeline = await this.#read(channel, segmentNumber(Number(broadcast)));
        if (timeline !== undefined && !isComplete(timeline)) {
          options.ttl = isWhole(timeline) ? INCOMPLETE_MS : UNFINISHED_MS;
        }
        return timeline;
      },
    });
    this.#starts = new LRUCache({
      max: 1_000,
      ttl: UNFINISHED_MS,
      fetchMethod: (channel) => listNumbers(store, storeKeys.broadcastPrefix(channel)),
    });
  }

  /** A segment has been committed. */
  committed(channel: string, published: Published): void {
    this.#commits.set(`${channel}/${published.broadcast}/${published.n}`, published);
  }

  /** A commit record; undefined when the segment is not known to be stored. */
  async commitOf(
    channel: string,
    broadcast: SegmentNumber,
    n: SegmentNumber,
  ): Promise<Published | undefined> {
    const key = `${channel}/${broadcast}/${n}`;
    const known = this.#commits.get(key) ?? (await readCommit(this.#store, channel, broadcast, n));
    if (known !== undefined) {
      this.#commits.set(key, known);
    }
    return known;
  }

  /** What was made of a segment afterwards; undefined while nothing was. */
  async completionOf(
    channel: string,
    broadcast: SegmentNumber,
    n: SegmentNumber,
  ): Promise<Published | undefined> {
    const key = `${channel}/${broadcast}/${n}/completion`;
    const known =
      this.#commits.get(key) ?? (await readCompletion(this.#store, channel, broadcast, n));
    if (known !== undefined) {
      this.#commits.set(key, known);
    }
    return known;
  }

  /** The broadcast a segment number belongs to, if there is one. */
  async broadcastOf(channel: string, n: SegmentNumber): Promise<SegmentNumber | undefined> {
    const starts = (await this.#starts.fetch(channel)) ?? [];
    return starts.findLast((start) => start <= n);
  }

  /** The channel's newest broadcast that has ended. */
  async latestOf(channel: string): Promise<Timeline | undefined> {
    const latest = ((await this.#starts.fetch(channel)) ?? []).at(-1);
    return latest === undefined ? undefined : this.timelineOf(channel, latest);
  }

  /** A whole broadcast that has ended, with what is committed of it; undefined if there is none. */
  async timelineOf(channel: string, broadcast: SegmentNumber): Promise<Timeline | undefined> {
    return this.#recordings.fetch(`${channel}/${broadcast}`);
  }

  async #read(channel: string, number: SegmentNumber): Promise<Timeline | undefined> {
    const broadcast = await readBroadcast(this.#store, channel, number);
    if (broadcast === undefined || broadcast.last === null) {
      return undefined;
    }
    const prefix = storeKeys.commitPrefix(channel, number);
    const numbers = await listNumbers(this.#store, prefix);
    // One by one into the cache: what was read is not read again when another one failed.
    const records = await pLimit(CONCURRENT).map(numbers, (n) => this.commitOf(channel, number, n));
    const segments = await completed(
      broadcast,
      records.filter((record) => record !== undefined),
      (n) => this.completionOf(channel, number, n),
    );
    const declared = segments.reduce(
      (sofar, published) => declare(broadcast, sofar, published),
      firstDeclared(broadcast),
    );
    return { ...restoreTimeline(broadcast, segments, declared), isStatic: true };
  }
}

/** Whether a recording has every number of its broadcast. */
export function isWhole({ broadcast, segments }: Timeline): boolean {
  return broadcast.last !== null && segments.length === broadcast.last - broadcast.broadcast + 1;
}

/** Whether it also has every rendition of each: nothing of it will change any more. */
export const isComplete = (timeline: Timeline): boolean =>
  isWhole(timeline) &&
  timeline.segments.every(
    ({ renditions }) => renditions.length === timeline.broadcast.renditions.length,
  );
