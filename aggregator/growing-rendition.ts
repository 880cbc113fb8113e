/**
 * One rendition while its segments are made, fragment by fragment: what comes in any order and from several workers is
 * taken strictly in order, the first valid of each place; those who follow a segment are given each fragment the moment it
 * is published. No I/O: noting is for `growing-broadcast.ts`.
 */
import { createHash } from 'node:crypto';
import type { Rendition } from '#common/contracts/rendition';
import type { PublishedFragment } from '#common/contracts/segment';
import { nextMade, withheldAt, type Shed } from '#common/contracts/shed';
import type { Division } from '#common/division';
import { PipelineError } from '#common/errors';
import type { Grid } from '#common/grid';
import { greatest, segmentNumber, type SegmentNumber } from '#common/time';
import { expectedOfFragment, verifyFragment, verifyInit } from './fragment.ts';
import type { SegmentBytes } from './verify.ts';

/** Segments ahead of the next fragment whose fragments may wait: as many as the hot stream keeps. */
export const MAX_AHEAD = 8;
/** Whole segments whose fragments' sizes are remembered: playlists list the parts of three, players fetch those of three more. */
const KEPT = 12;
/** Whole segments whose bytes are held here while their result has not come; older ones' come back with it. */
const MAX_UNCOMMITTED = 30;

/** SHA-256 in hex, as notes and results have it. */
export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

/** A fragment as it comes. */
export interface OfferedFragment {
  readonly n: SegmentNumber;
  readonly k: number;
  readonly bytes: Uint8Array;
  readonly init: Uint8Array;
}

/** A fragment in its place. */
export interface PlacedFragment {
  readonly n: SegmentNumber;
  readonly k: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Undefined after a restart until it is found again, and once the segment is committed. */
  readonly data: Buffer | undefined;
}

/** What became of an offered fragment. */
export type OfferedTo = 'waiting' | 'known' | 'differs' | 'too-far' | 'outside';

interface Init {
  readonly sha256: string;
  readonly bytes: Buffer | undefined;
}

/** Is told of every fragment that is published. */
export type Follower = (fragment: PlacedFragment & { readonly data: Buffer }) => void;
/** Is told of a segment of which no more will come. */
export type LeftOff = (n: SegmentNumber) => void;

/** What one is made of. */
export interface GrowingOptions {
  readonly grid: Grid;
  readonly division: Division;
  readonly rendition: Rendition;
  /** The broadcast's first number, and the number of the first segment that is not committed. */
  readonly first: SegmentNumber;
  readonly uncommitted: SegmentNumber;
  readonly initSha256: string | undefined;
  /** Of the broadcast: numbers of which this rendition is withheld are passed over. */
  readonly sheds: readonly Shed[];
  /** This rendition's fragments that were noted before a restart, in order. */
  readonly noted: readonly PublishedFragment[];
}

/** See the head of this file. */
export class GrowingRendition {
  readonly rendition: Rendition;
  readonly #grid: Grid;
  readonly #division: Division;
  readonly #first: SegmentNumber;
  /** Published fragments by segment; those of one are an unbroken run from 0. */
  readonly #segments = new Map<SegmentNumber, PlacedFragment[]>();
  readonly #wholes = new Map<SegmentNumber, Buffer>();
  readonly #waiting = new Map<number, PlacedFragment>();
  readonly #followers = new Map<Follower, LeftOff>();
  #taken: PlacedFragment[] = [];
  /** Places, counted over all segments: the next to be taken, and the next to be published. */
  #next: number;
  #published: number;
  #committed: SegmentNumber;
  /** The number after the newest whole segment. */
  #wholeTo: SegmentNumber;
  /** The place after the last that was published. */
  #reached: number;
  #sheds: readonly Shed[];
  #last = segmentNumber(Number.POSITIVE_INFINITY);
  #init: Init | undefined;

  constructor({
    grid,
    division,
    rendition,
    first,
    uncommitted,
    initSha256,
    sheds,
    noted,
  }: GrowingOptions) {
    this.rendition = rendition;
    this.#grid = grid;
    this.#division = division;
    this.#first = first;
    this.#committed = segmentNumber(uncommitted - 1);
    this.#wholeTo = uncommitted;
    this.#reached = uncommitted * division.fragments;
    this.#sheds = sheds;
    this.#published = this.#made(uncommitted * division.fragments);
    const hash = initSha256 ?? noted[0]?.initSha256;
    this.#init = hash === undefined ? undefined : { sha256: hash, bytes: undefined };
    this.#restore(noted);
    this.#next = this.#published;
  }

  /** The number being made: after the newest whole segment the first that is not withheld; while that is not decided, the first that is. */
  get growing(): SegmentNumber {
    return segmentNumber(Math.floor(this.#published / this.#division.fragments));
  }

  /** Its published fragments. */
  get fragments(): number {
    return this.#published % this.#division.fragments;
  }

  /** The init segment's hash, once it is known. */
  get init(): Init | undefined {
    return this.#init;
  }

  /** The number after the newest whole segment, withheld or not. */
  get wholeTo(): SegmentNumber {
    return this.#wholeTo;
  }

  /** The place after the last that was published, counted over all segments: a playlist never goes back behind it. */
  get reached(): number {
    return this.#reached;
  }

  /** Whether nothing was published since it was withheld: what was made last lies before numbers that are passed over. */
  get isInGap(): boolean {
    const { growing } = this;
    return this.fragments === 0 && (this.isWithheld(growing) || growing > this.#wholeTo);
  }

  /** Whether it is withheld of that segment. */
  isWithheld(n: SegmentNumber): boolean {
    return withheldAt({ sheds: this.#sheds }, n).has(this.rendition.id);
  }

  /**
   * What is withheld is known anew; of numbers that are published whole it says the same as before. One that is being made may be left off: what
   * of it is published stays, and the rest is passed over.
   */
  withhold(sheds: readonly Shed[]): void {
    const { growing } = this;
    this.#sheds = sheds;
    for (const [place, { n }] of this.#waiting) {
      if (this.isWithheld(n)) {
        this.#waiting.delete(place);
      }
    }
    this.#next = this.#made(this.#next);
    if (this.#taken.length === 0) {
      this.#published = this.#next;
    }
    if (this.isWithheld(growing)) {
      for (const leftOff of [...this.#followers.values()]) {
        leftOff(growing);
      }
    }
  }

  /** No number after this one will come. */
  endAt(last: SegmentNumber): void {
    this.#last = last;
    const end = (last + 1) * this.#division.fragments;
    for (const place of this.#waiting.keys()) {
      if (place >= end) {
        this.#waiting.delete(place);
      }
    }
  }

  /**
   * Takes a fragment; what is published or about to be never changes by it.
   * @param isOfResult of a whole segment: it takes the place of what only waits, so that the segment is one worker's
   * @throws PipelineError `BAD_MEDIA` that says what is wrong
   */
  offer({ n, k, bytes, init }: OfferedFragment, isOfResult = false): OfferedTo {
    const { fragments } = this.#division;
    if (n < this.#first || n > this.#last || k < 0 || k >= fragments || this.isWithheld(n)) {
      return 'outside';
    }
    const place = n * fragments + k;
    if (place < this.#next) {
      return this.#compare(n, k, bytes, init);
    }
    if (n > this.growing + MAX_AHEAD) {
      return 'too-far';
    }
    const known = this.#waiting.get(place);
    if (known !== undefined && !isOfResult) {
      return known.sha256 === sha256(bytes) ? 'known' : 'differs';
    }
    const expected = expectedOfFragment(this.#grid, this.#division, this.rendition.kind, n, k);
    verifyFragment(bytes, expected);
    this.#checkInit(Buffer.from(init), () => {
      verifyInit(Buffer.from(init), expected);
    });
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#waiting.set(place, { n, k, bytes: data.byteLength, sha256: sha256(data), data });
    return 'waiting';
  }

  /** The fragments that are next in order: from now on their places are theirs, and they are to be noted and published. */
  take(): readonly PlacedFragment[] {
    for (
      let found = this.#waiting.get(this.#next);
      found !== undefined;
      found = this.#waiting.get(this.#next)
    ) {
      this.#waiting.delete(this.#next);
      this.#next = this.#made(this.#next + 1);
      this.#taken.push(found);
    }
    return this.#taken;
  }

  /** The first of those taken is noted: it is served from now on. */
  publish(): PlacedFragment | undefined {
    const fragment = this.#taken.shift();
    if (fragment === undefined) {
      return undefined;
    }
    this.#append(fragment);
    const { data } = fragment;
    if (data !== undefined) {
      for (const follower of [...this.#followers.keys()]) {
        follower({ ...fragment, data });
      }
    }
    this.#trim();
    return fragment;
  }

  /** Tells of every fragment published from now on, and of what is left off, until the returned function is called. */
  follow(follower: Follower, leftOff: LeftOff): () => void {
    this.#followers.set(follower, leftOff);
    return () => {
      this.#followers.delete(follower);
    };
  }

  /** Published fragments of a segment, as far as they are remembered. */
  fragmentsOf(n: SegmentNumber): readonly PlacedFragment[] {
    return this.#segments.get(n) ?? [];
  }

  /** Hashes of a segment's fragments whose places are taken, published or about to be. */
  knows(n: SegmentNumber): readonly string[] {
    const taken = this.#taken.filter((fragment) => fragment.n === n);
    return [...this.fragmentsOf(n), ...taken].map((fragment) => fragment.sha256);
  }

  /** Numbers from the first that is not committed on that are whole. */
  get uncommitted(): readonly SegmentNumber[] {
    const numbers: SegmentNumber[] = [];
    for (let n = segmentNumber(this.#committed + 1); n < this.growing; n = segmentNumber(n + 1)) {
      numbers.push(n);
    }
    return numbers;
  }

  /** The bytes of a whole segment, while they are here. */
  whole(n: SegmentNumber): SegmentBytes | undefined {
    const init = this.#init?.bytes;
    if (n >= this.growing || init === undefined) {
      return undefined;
    }
    const known = this.#wholes.get(n);
    if (known !== undefined) {
      return { init, data: known };
    }
    const parts = this.fragmentsOf(n).flatMap(({ data }) => (data === undefined ? [] : [data]));
    if (parts.length !== this.#division.fragments) {
      return undefined;
    }
    const data = Buffer.concat(parts);
    this.#wholes.set(n, data);
    // One buffer from now on, instead of slices of what was read from the socket.
    let at = 0;
    const slices = this.fragmentsOf(n).map((fragment) => {
      at += fragment.bytes;
      return { ...fragment, data: data.subarray(at - fragment.bytes, at) };
    });
    this.#segments.set(n, slices);
    return { init, data };
  }

  /** All renditions of `n` are committed: its bytes are elsewhere. */
  commit(n: SegmentNumber): void {
    this.#committed = greatest(this.#committed, n);
    this.#letGo(n);
  }

  #restore(noted: readonly PublishedFragment[]): void {
    const { fragments } = this.#division;
    const byPlace = new Map<number, PublishedFragment>();
    for (const fragment of noted) {
      const place = fragment.n * fragments + fragment.k;
      if (!byPlace.has(place)) {
        byPlace.set(place, fragment);
      }
    }
    const placed = ({ n, k, bytes, sha256: hash }: PublishedFragment): PlacedFragment => ({
      n,
      k,
      bytes,
      sha256: hash,
      data: undefined,
    });
    const oldest = greatest(this.#first, segmentNumber(this.growing - KEPT));
    for (let n = oldest; n < this.growing; n = segmentNumber(n + 1)) {
      const run = Array.from({ length: fragments }, (_, k) => byPlace.get(n * fragments + k));
      const here = run.slice(0, [...run, undefined].indexOf(undefined)).flatMap((one) => one ?? []);
      if (here.length === fragments || (here.length > 0 && this.isWithheld(n))) {
        this.#segments.set(n, here.map(placed));
        this.#reached = Math.max(this.#reached, n * fragments + here.length);
      }
    }
    for (
      let found = byPlace.get(this.#published);
      found !== undefined;
      found = byPlace.get(this.#published)
    ) {
      this.#append(placed(found));
    }
  }

  #append(fragment: PlacedFragment): void {
    const known = this.#segments.get(fragment.n);
    if (known === undefined) {
      this.#segments.set(fragment.n, [fragment]);
    } else {
      known.push(fragment);
    }
    const { fragments } = this.#division;
    const end = fragment.n * fragments + fragment.k + 1;
    if (end % fragments === 0) {
      this.#wholeTo = segmentNumber(end / fragments);
    }
    this.#reached = end;
    this.#published = this.#made(end);
  }

  /**
   * The place itself, or where its segment is withheld, the next that is not; while none is decided the first of a segment that is, the same or, from
   * the middle of one on, the one after it.
   */
  #made(place: number): number {
    const { fragments } = this.#division;
    const n = segmentNumber(Math.floor(place / fragments));
    if (!this.isWithheld(n)) {
      return place;
    }
    const first = segmentNumber(Math.ceil(place / fragments));
    return (nextMade({ sheds: this.#sheds }, this.rendition.id, first) ?? first) * fragments;
  }

  /** One for a place that is taken: the same bytes fill in what a restart has lost. */
  #compare(n: SegmentNumber, k: number, bytes: Uint8Array, init: Uint8Array): OfferedTo {
    const known =
      this.#taken.find((fragment) => fragment.n === n && fragment.k === k) ??
      this.#segments.get(n)?.[k];
    if (known === undefined) {
      // Of a segment that is committed, whose sizes are not remembered.
      return 'known';
    }
    if (known.sha256 !== sha256(bytes)) {
      return 'differs';
    }
    this.#checkInit(Buffer.from(init), () => undefined);
    const segment = this.#segments.get(n);
    if (known.data === undefined && n > this.#committed && segment !== undefined) {
      segment[k] = { ...known, data: Buffer.from(bytes) };
    }
    return 'known';
  }

  #checkInit(init: Buffer, verify: () => void): void {
    const known = this.#init;
    if (known?.bytes?.equals(init) === true) {
      return;
    }
    const hash = sha256(init);
    if (known !== undefined && known.sha256 !== hash) {
      throw new PipelineError('BAD_MEDIA', "init segment differs from the broadcast's");
    }
    verify();
    this.#init = { sha256: hash, bytes: init };
  }

  #letGo(n: SegmentNumber): void {
    this.#wholes.delete(n);
    const fragments = this.#segments.get(n);
    // Of what was left off there is nothing elsewhere.
    if (fragments?.length === this.#division.fragments) {
      this.#segments.set(
        n,
        fragments.map((fragment) => ({ ...fragment, data: undefined })),
      );
    }
  }

  #trim(): void {
    if (this.fragments !== 0) {
      return;
    }
    // Bytes of what is not committed for so long come back with its result.
    this.#letGo(segmentNumber(this.growing - 1 - MAX_UNCOMMITTED));
    for (const n of this.#segments.keys()) {
      if (n < this.growing - KEPT && n <= this.#committed) {
        this.#segments.delete(n);
      }
    }
  }
}
