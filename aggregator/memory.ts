/**
 * Published bytes in memory, bounded. What the store does not have yet is pinned, up to half of the bound (the
 * spool); the rest is the most recently used of what it has.
 */
import { LRUCache } from 'lru-cache';
import type { SegmentBytes } from './verify.ts';

/** One segment's renditions. */
export type SegmentObjects = ReadonlyMap<string, SegmentBytes>;

const keyOf = (channel: string, n: number): string => `${channel}/${n}`;

const bytesOf = (objects: SegmentObjects): number => {
  let sum = 0;
  for (const { data } of objects.values()) {
    sum += data.byteLength;
  }
  return Math.max(1, sum);
};

/** See the head of this file. */
export class SegmentMemory {
  readonly #pinned = new Map<
    string,
    { readonly objects: SegmentObjects; readonly bytes: number }
  >();
  readonly #stored: LRUCache<string, SegmentObjects>;
  readonly #spoolBytes: number;
  #pinnedBytes = 0;

  /** @param maxBytes bound of the whole */
  constructor(maxBytes: number) {
    this.#spoolBytes = Math.floor(maxBytes / 2);
    this.#stored = new LRUCache({
      maxSize: maxBytes - this.#spoolBytes,
      sizeCalculation: bytesOf,
    });
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#pinnedBytes + this.#stored.calculatedSize;
  }

  /** Whether the spool holds more than it may: its owner lets go of the oldest. */
  get isSpoolOver(): boolean {
    return this.#pinnedBytes > this.#spoolBytes;
  }

  /** Keeps a segment until it is unpinned. */
  pin(channel: string, n: number, objects: SegmentObjects): void {
    const key = keyOf(channel, n);
    if (this.#pinned.has(key)) {
      return;
    }
    const bytes = bytesOf(objects);
    this.#pinned.set(key, { objects, bytes });
    this.#pinnedBytes += bytes;
  }

  /** The store has it: from now on it may be evicted. */
  unpin(channel: string, n: number): void {
    const held = this.#release(keyOf(channel, n));
    if (held !== undefined) {
      this.#stored.set(keyOf(channel, n), held);
    }
  }

  /** Lets go of a segment. */
  drop(channel: string, n: number): void {
    this.#release(keyOf(channel, n));
    this.#stored.delete(keyOf(channel, n));
  }

  /** A segment's renditions, if they are here. */
  get(channel: string, n: number): SegmentObjects | undefined {
    const key = keyOf(channel, n);
    return this.#pinned.get(key)?.objects ?? this.#stored.get(key);
  }

  #release(key: string): SegmentObjects | undefined {
    const held = this.#pinned.get(key);
    if (held === undefined) {
      return undefined;
    }
    this.#pinned.delete(key);
    this.#pinnedBytes -= held.bytes;
    return held.objects;
  }
}
