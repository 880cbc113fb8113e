/**
 * A low-latency broadcast's fragments on their way out: verified, noted in the stream of published fragments and then
 * published, each rendition on its own, so that a slow one holds up none.
 */
import type { Clock } from '#common/clock';
import type { Rendition } from '#common/contracts/rendition';
import type { PublishedFragment, Result } from '#common/contracts/segment';
import { madeAt, type Shed } from '#common/contracts/shed';
import { divisionOf, type Division } from '#common/division';
import { PipelineError, toPipelineError } from '#common/errors';
import { CountedFragments, isFragment, type HotEntry } from '#common/hot-fragments';
import type { Logger } from '#common/logger';
import { appendPublishedFragment } from '#common/published-fragments';
import { execute, type Redis } from '#common/redis';
import { milliseconds, segmentNumber, type SegmentNumber } from '#common/time';
import { cutFragments } from './fragment.ts';
import {
  GrowingRendition,
  sha256,
  type OfferedFragment,
  type PlacedFragment,
} from './growing-rendition.ts';
import type { SegmentObjects } from './memory.ts';
import type { OriginMetrics } from './metrics.ts';
import { nextOf, type Timeline } from './timeline.ts';

const RETRY_AFTER = milliseconds(500);
/** Segments whose published fragments the stream keeps. */
const NOTED_SEGMENTS = 12;

/** What it needs. */
export interface GrowingDeps {
  readonly redis: Redis;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: OriginMetrics;
  /** A rendition's init segment is known. */
  readonly onInit: (rendition: string, sha256: string, init: Buffer) => void;
  /** A fragment is published, or the bytes of one that was are here again. */
  readonly onGrown: (rendition: string, k: number | undefined) => void;
}

/** How far a rendition's playlist goes. */
export interface Reach {
  /** The number being made. */
  readonly next: SegmentNumber;
  /** Its published parts. */
  readonly parts: number;
}

/** See the head of this file. */
export class GrowingBroadcast {
  readonly division: Division;
  readonly #deps: GrowingDeps;
  readonly #channel: string;
  readonly #broadcast: SegmentNumber;
  readonly #ladder: readonly Rendition[];
  readonly #renditions: ReadonlyMap<string, GrowingRendition>;
  /** By rendition. */
  readonly #counted = new Map<string, CountedFragments>();
  readonly #noting = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  readonly #waiters = new Set<() => void>();
  #sheds: readonly Shed[];
  #last = segmentNumber(Number.POSITIVE_INFINITY);

  /** @param noted what was published before a restart */
  constructor(deps: GrowingDeps, timeline: Timeline, noted: readonly PublishedFragment[]) {
    const { grid, broadcast, inits } = timeline;
    this.#deps = deps;
    this.#channel = broadcast.channel;
    this.#broadcast = broadcast.broadcast;
    this.#ladder = broadcast.renditions;
    this.#sheds = broadcast.sheds;
    this.division = divisionOf(grid, broadcast.profile);
    this.#renditions = new Map(
      broadcast.renditions.map((rendition) => [
        rendition.id,
        new GrowingRendition({
          grid,
          division: this.division,
          rendition,
          first: broadcast.broadcast,
          uncommitted: nextOf(timeline),
          initSha256: inits.get(rendition.id),
          sheds: broadcast.sheds,
          noted: noted.filter(
            (fragment) =>
              fragment.broadcast === broadcast.broadcast && fragment.rendition === rendition.id,
          ),
        }),
      ]),
    );
  }

  /** One rendition. */
  get(rendition: string): GrowingRendition | undefined {
    return this.#renditions.get(rendition);
  }

  /** All renditions. */
  all(): readonly GrowingRendition[] {
    return [...this.#renditions.values()];
  }

  /** Rendition to the hash of its init segment, of those that are known. */
  get inits(): ReadonlyMap<string, string> {
    return new Map(
      this.all().flatMap(({ rendition, init }): [string, string][] =>
        init === undefined ? [] : [[rendition.id, init.sha256]],
      ),
    );
  }

  /**
   * How far a rendition's playlist goes: the number being made, and its published parts. While it is withheld it keeps step
   * with whichever of the pictures is furthest, up to where it is made again.
   */
  reachOf(rendition: string): Reach {
    const own = this.#renditions.get(rendition);
    if (own === undefined) {
      return { next: segmentNumber(0), parts: 0 };
    }
    const { parts, fragmentsOfPart } = this.division;
    const placeOf = ({ growing, fragments }: GrowingRendition): number =>
      growing * parts + Math.floor(fragments / fragmentsOfPart);
    if (!own.isInGap) {
      return { next: own.growing, parts: placeOf(own) % parts };
    }
    const pictures = this.all().filter(({ rendition: { kind } }) => kind === 'video');
    const furthest = Math.max(
      ...[own, ...pictures].map((one) =>
        one.isInGap ? Math.floor(one.reached / fragmentsOfPart) : placeOf(one),
      ),
    );
    const place = own.isWithheld(own.growing) ? furthest : Math.min(placeOf(own), furthest);
    return { next: segmentNumber(Math.floor(place / parts)), parts: place % parts };
  }

  /** Whether a rendition's playlist has all that the broadcast will ever have. */
  hasEnded(rendition: string): boolean {
    return this.reachOf(rendition).next > this.#last;
  }

  /** What is withheld is known anew. */
  withhold(sheds: readonly Shed[]): void {
    this.#sheds = sheds;
    for (const growing of this.#renditions.values()) {
      growing.withhold(sheds);
      this.#change(growing.rendition.id, undefined);
    }
  }

  /** No number after this one will come. */
  endAt(last: SegmentNumber): void {
    this.#last = last;
    for (const rendition of this.#renditions.values()) {
      rendition.endAt(last);
    }
  }

  /** Takes an entry of a hot stream. */
  offer(rendition: string, entry: HotEntry): void {
    const growing = this.#renditions.get(rendition);
    if (growing === undefined) {
      return;
    }
    const { logger, metrics } = this.#deps;
    const counted = this.#counted.get(rendition) ?? new CountedFragments();
    this.#counted.set(rendition, counted);
    if (!isFragment(entry)) {
      counted.restart(entry);
      return;
    }
    const fragment = entry;
    const { n, k, worker, fingerprint } = fragment;
    const about = { channel: this.#channel, rendition, n, k, worker, fingerprint };
    if (!counted.has(fragment)) {
      logger.debug(about, 'fragment does not count: another worker went on before it');
      return;
    }
    try {
      switch (this.#offerTo(growing, fragment)) {
        case 'differs':
          metrics.rejected.inc({ reason: 'differs' });
          logger.error(about, 'second fragment differs from the first');
          return;
        case 'too-far':
          logger.warn(about, 'fragment is too far ahead of the next');
          return;
        case 'waiting':
        case 'known':
        case 'outside':
      }
    } catch (error) {
      const { code, message } = toPipelineError(error);
      metrics.rejected.inc({ reason: code });
      logger.error({ ...about, code, reason: message }, 'fragment is unfit');
    }
  }

  /**
   * Takes what is missing of a segment out of a verified result.
   * @throws PipelineError `BAD_MEDIA` when the result differs from what is published; renditions that agree are taken all the same
   */
  fill(result: Result, objects: SegmentObjects): void {
    const differing: string[] = [];
    for (const growing of this.#madeOf(result.n)) {
      const { id } = growing.rendition;
      const bytes = objects.get(id);
      if (bytes === undefined) {
        throw new PipelineError('BAD_MEDIA', `the result lacks rendition ${id}`);
      }
      const fragments = cutFragments(bytes.data, this.division.fragments).map(
        (data, k): OfferedFragment => ({ n: result.n, k, bytes: data, init: bytes.init }),
      );
      const isSame = growing
        .knows(result.n)
        .every((hash, k) => hash === sha256(fragments[k]?.bytes ?? Buffer.alloc(0)));
      if (!isSame) {
        differing.push(id);
        continue;
      }
      for (const fragment of fragments) {
        this.#offerTo(growing, fragment, true);
      }
    }
    if (differing.length > 0) {
      throw new PipelineError(
        'BAD_MEDIA',
        `the result differs from published fragments of ${differing.join(', ')}`,
      );
    }
  }

  /** Renditions of a whole segment of which other fragments were published before they were left off. */
  differingOf(n: SegmentNumber, objects: SegmentObjects): readonly string[] {
    return [...objects].flatMap(([id, { data }]) => {
      const known = this.#renditions.get(id)?.knows(n) ?? [];
      const fragments = known.length === 0 ? [] : cutFragments(data, this.division.fragments);
      const isSame = known.every((hash, k) => hash === sha256(fragments[k] ?? Buffer.alloc(0)));
      return isSame ? [] : [id];
    });
  }

  /** The renditions that are made of a segment, once each is whole and its bytes are here. */
  objects(n: SegmentNumber): SegmentObjects | undefined {
    const made = this.#madeOf(n);
    const objects = new Map(
      made.flatMap((growing) => {
        const bytes = growing.whole(n);
        return bytes === undefined ? [] : [[growing.rendition.id, bytes] as const];
      }),
    );
    return objects.size === made.length ? objects : undefined;
  }

  /** Resolves at the next change. */
  get changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.add(resolve);
    });
  }

  /** A segment's bytes are in memory and its record is noted. */
  commit(n: SegmentNumber): void {
    for (const growing of this.#renditions.values()) {
      growing.commit(n);
    }
  }

  /** Notes again what Redis has lost. */
  async noteAgain(): Promise<void> {
    const pipeline = this.#deps.redis.pipeline();
    for (const growing of this.#renditions.values()) {
      const oldest = segmentNumber(growing.growing - NOTED_SEGMENTS);
      for (let n = oldest; n <= growing.growing; n = segmentNumber(n + 1)) {
        for (const fragment of growing.fragmentsOf(n)) {
          this.#note(pipeline, growing, fragment);
        }
      }
    }
    await execute(pipeline);
  }

  /** Stops; what is not noted comes again from the hot streams. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#noting.values());
  }

  #madeOf(n: SegmentNumber): readonly GrowingRendition[] {
    const ladder = { renditions: this.#ladder, sheds: this.#sheds };
    return madeAt(ladder, n).flatMap(({ id }) => this.#renditions.get(id) ?? []);
  }

  #offerTo(
    growing: GrowingRendition,
    fragment: OfferedFragment,
    isOfResult = false,
  ): ReturnType<GrowingRendition['offer']> {
    const { id } = growing.rendition;
    const before = growing.init;
    const wasLacking = growing.fragmentsOf(fragment.n)[fragment.k]?.data === undefined;
    const offered = growing.offer(fragment, isOfResult);
    const { init } = growing;
    if (init?.bytes !== undefined && before?.bytes === undefined) {
      this.#deps.onInit(id, init.sha256, init.bytes);
    }
    if (offered === 'waiting') {
      this.#publish(growing);
    } else if (wasLacking && growing.fragmentsOf(fragment.n)[fragment.k]?.data !== undefined) {
      this.#change(id, undefined);
    }
    return offered;
  }

  #change(rendition: string, k: number | undefined): void {
    this.#deps.onGrown(rendition, k);
    for (const other of this.#renditions.values()) {
      // What its playlist says follows those that are made.
      if (other.rendition.id !== rendition && other.isInGap) {
        this.#deps.onGrown(other.rendition.id, k);
      }
    }
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) {
      wake();
    }
  }

  #publish(growing: GrowingRendition): void {
    const { id } = growing.rendition;
    if (this.#noting.has(id) || growing.take().length === 0) {
      return;
    }
    const noting = this.#publishAll(growing).finally(() => {
      this.#noting.delete(id);
    });
    this.#noting.set(id, noting);
  }

  async #publishAll(growing: GrowingRendition): Promise<void> {
    const { redis, clock, logger, metrics } = this.#deps;
    const { id } = growing.rendition;
    while (!this.#closing.signal.aborted) {
      // What comes while Redis answers goes with the next round.
      const taken = [...growing.take()];
      if (taken.length === 0) {
        return;
      }
      try {
        const pipeline = redis.pipeline();
        for (const fragment of taken) {
          this.#note(pipeline, growing, fragment);
        }
        await execute(pipeline);
      } catch (error) {
        logger.warn({ channel: this.#channel, rendition: id, error }, 'fragments wait for redis');
        await clock.sleep(RETRY_AFTER, this.#closing.signal).catch(() => undefined);
        continue;
      }
      for (const { k } of taken) {
        growing.publish();
        metrics.fragments.inc();
        this.#change(id, k);
      }
    }
  }

  #note(
    pipeline: Parameters<typeof appendPublishedFragment>[0],
    growing: GrowingRendition,
    { n, k, bytes, sha256: hash }: PlacedFragment,
  ): void {
    const note: PublishedFragment = {
      broadcast: this.#broadcast,
      rendition: growing.rendition.id,
      n,
      k,
      at: this.#deps.clock.now(),
      bytes,
      sha256: hash,
      initSha256: growing.init?.sha256 ?? '',
    };
    const kept = NOTED_SEGMENTS * this.division.fragments * this.#renditions.size;
    appendPublishedFragment(pipeline, this.#channel, note, kept);
  }
}
