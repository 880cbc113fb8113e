/**
 * One broadcast being published: results are taken in any order, verified, noted in the stream of published
 * segments in order, and only then listed.
 */
import type { Clock } from '#common/clock';
import { redisKeys } from '#common/contracts/names';
import type { Broadcast, Published, PublishedFragment, Result } from '#common/contracts/segment';
import { withheldAt } from '#common/contracts/shed';
import type { OriginStatus } from '#common/contracts/status';
import { PipelineError, toPipelineError, type ErrorCode } from '#common/errors';
import { timeOfSegment } from '#common/grid';
import type { HotEntry } from '#common/hot-fragments';
import type { Logger } from '#common/logger';
import { appendPublished, REMEMBERED_SECONDS } from '#common/published-stream';
import { execute, type Redis } from '#common/redis';
import { greatest, milliseconds, segmentNumber, type SegmentNumber } from '#common/time';
import { isCompletion, withCompletion } from './completions.ts';
import { UPDATE_SECONDS } from './dash.ts';
import { GrowingBroadcast } from './growing-broadcast.ts';
import type { SegmentMemory, SegmentObjects } from './memory.ts';
import type { OriginMetrics } from './metrics.ts';
import { acceptedKey, declaredKey } from './names.ts';
import { readSegment, type ByteSources } from './segment-bytes.ts';
import { Sequence } from './sequence.ts';
import {
  hasRendition,
  nextOf,
  recordOf,
  windowLength,
  withBroadcast,
  withRecord,
  withSegment,
  withoutBefore,
  type Timeline,
} from './timeline.ts';
import {
  differencesFrom,
  publishedBytes,
  publishedOf,
  verifyResult,
  withoutWithheld,
} from './verify.ts';

/** Bytes that neither hot stream nor store has may still be on their way: looked for this often, this far apart. */
const MISSING = { looks: 20, apart: milliseconds(500) } as const;
/** Results that will never do; on any other error publishing is tried again. */
const UNFIT: readonly ErrorCode[] = ['BAD_MEDIA', 'BAD_REQUEST', 'INPUT_MISSING'];
const RETRY_AFTER = milliseconds(1_000);

/** What a broadcast needs. */
export interface BroadcastDeps {
  readonly redis: Redis;
  readonly sources: ByteSources;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly memory: SegmentMemory;
  readonly metrics: OriginMetrics;
  /** A segment is noted and listed: commit it. */
  readonly onPublished: (published: Published) => void;
  /** What playlists say has changed: wake those who wait. */
  readonly onChange: () => void;
  /** What was withheld of a segment was made afterwards: resolves once it is in the store. */
  readonly onCompleted: (completion: Published, objects: SegmentObjects) => Promise<void>;
  /** A rendition's init segment is known, before the first segment is whole. */
  readonly onInit: (rendition: string, sha256: string, init: Buffer) => void;
  /** A fragment of a rendition is published; undefined when bytes of earlier ones are here again. */
  readonly onGrown: (rendition: string, k: number | undefined) => void;
}

/** See the head of this file. */
export class LiveBroadcast {
  readonly #deps: BroadcastDeps;
  readonly #sequence: Sequence;
  readonly #growing: GrowingBroadcast | undefined;
  readonly #closing = new AbortController();
  #timeline: Timeline;
  #version = 0;
  #draining: Promise<void> | undefined;
  #ending: Promise<void> | undefined;

  /** @param noted fragments that were published before a restart */
  constructor(deps: BroadcastDeps, timeline: Timeline, noted: readonly PublishedFragment[] = []) {
    this.#deps = deps;
    this.#timeline = timeline;
    this.#growing =
      timeline.broadcast.profile === 'standard' ? undefined : this.#grow(timeline, noted);
    const { broadcast, last } = timeline.broadcast;
    this.#sequence = new Sequence(broadcast, nextOf(timeline));
    if (last !== null) {
      this.#sequence.endAt(last);
      this.#growing?.endAt(last);
      this.#turnStatic();
    }
  }

  /** Its segments while they are made, fragment by fragment; undefined in `standard`. */
  get growing(): GrowingBroadcast | undefined {
    return this.#growing;
  }

  /** Takes an entry of a hot stream. */
  offerFragment(rendition: string, entry: HotEntry): void {
    this.#growing?.offer(rendition, entry);
  }

  /** What manifests are made from. */
  get timeline(): Timeline {
    return this.#timeline;
  }

  /** Rises with every change of the timeline. */
  get version(): number {
    return this.#version;
  }

  /** The newest published number; below the first while there is none. */
  get newest(): SegmentNumber {
    return segmentNumber(this.#sequence.next - 1);
  }

  /** Accepted and not published yet. */
  get waiting(): readonly Result[] {
    return this.#sequence.results;
  }

  /** Whether every segment the broadcast will ever have is published. */
  get isComplete(): boolean {
    const { last } = this.#timeline.broadcast;
    return last !== null && this.newest >= last;
  }

  /** Takes a result, remembers it over a restart, and publishes what can be. */
  async offer(result: Result): Promise<void> {
    const { channel, n, worker } = result;
    const { redis, logger } = this.#deps;
    switch (this.#sequence.offer(result)) {
      case 'waiting':
        await redis.hset(acceptedKey(channel), n, JSON.stringify(result));
        this.#drain();
        return;
      case 'published-before':
        if (isCompletion(this.#timeline.broadcast, result)) {
          await this.#complete(result);
          return;
        }
        this.#compare(result);
        // An earlier process may have ended before it forgot the result.
        await redis.hdel(acceptedKey(channel), String(n));
        return;
      case 'outside':
        logger.warn({ channel, n, worker }, 'result lies outside its broadcast');
        return;
      case 'too-far':
        throw new PipelineError('OVERLOADED', `segment ${n} is too far ahead of the next`);
    }
  }

  /** What is withheld of the broadcast is known anew. */
  withhold(broadcast: Broadcast): void {
    if (broadcast.sheds.length <= this.#timeline.broadcast.sheds.length) {
      return;
    }
    const { channel, sheds } = broadcast;
    this.#change(withBroadcast(this.#timeline, { ...broadcast, last: null }));
    this.#growing?.withhold(sheds);
    const { from, withheld } = sheds.at(-1) ?? {};
    this.#deps.logger.info({ channel, from, withheld }, 'renditions withheld are others');
  }

  /** The broadcast's last number is known. */
  end(broadcast: Broadcast): void {
    if (broadcast.last === null || this.#timeline.broadcast.last !== null) {
      return;
    }
    // Whoever ended it may not have known of the newest: what is published stays.
    const last = greatest(broadcast.last, this.newest);
    this.#sequence.endAt(last);
    this.#growing?.endAt(last);
    this.#change(withBroadcast(this.#timeline, { ...broadcast, last }));
    this.#deps.logger.info(
      { channel: broadcast.channel, broadcast: broadcast.broadcast, last },
      'broadcast ends',
    );
    this.#turnStatic();
  }

  /** A segment's bytes are lost: it and those before it are no longer listed. */
  forget(published: Published): void {
    this.#change(withoutBefore(this.#timeline, segmentNumber(published.n + 1)));
  }

  /** Resolves when nothing more can be published with what has come. */
  async settled(): Promise<void> {
    await this.#draining;
  }

  /** Stops; what was accepted and not published is taken up again after the restart. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#draining, this.#ending, this.#growing?.close()]);
  }

  #grow(timeline: Timeline, noted: readonly PublishedFragment[]): GrowingBroadcast {
    const { redis, clock, logger, metrics, onInit, onGrown } = this.#deps;
    const growing = new GrowingBroadcast(
      {
        redis,
        clock,
        logger,
        metrics,
        onInit: (rendition, hash, init) => {
          onInit(rendition, hash, init);
          if (!this.#timeline.inits.has(rendition)) {
            this.#change({ ...this.#timeline, inits: growing.inits });
          }
        },
        onGrown,
      },
      timeline,
      noted,
    );
    this.#timeline = { ...timeline, inits: growing.inits };
    return growing;
  }

  #change(timeline: Timeline): void {
    this.#timeline = timeline;
    this.#version += 1;
    this.#deps.onChange();
  }

  /**
   * Takes what was withheld on air: from now on it is listed as if it always had been there.
   * @throws PipelineError as reading and storing do; one that is unfit is only logged
   */
  async #complete(result: Result): Promise<void> {
    const { clock, logger, metrics, onCompleted } = this.#deps;
    const { channel, n, worker } = result;
    const { broadcast, inits } = this.#timeline;
    const withheld = withheldAt(broadcast, n);
    const wanted = broadcast.renditions.filter(({ id }) => withheld.has(id));
    const objects = await this.#read(result);
    try {
      verifyResult(broadcast, result, objects, inits, wanted);
    } catch (error) {
      const { code, message } = toPipelineError(error);
      metrics.rejected.inc({ reason: code });
      logger.error({ channel, n, worker, code, reason: message }, 'completion is unfit');
      return;
    }
    const differing = this.#growing?.differingOf(n, objects) ?? [];
    if (differing.length > 0) {
      metrics.rejected.inc({ reason: 'differs' });
      logger.error({ channel, n, worker, differing }, 'completion differs from what was left off');
    }
    const completion = publishedOf(result, clock.now());
    await onCompleted(completion, objects);
    const known = recordOf(this.#timeline, n);
    if (known !== undefined) {
      this.#change(withRecord(this.#timeline, withCompletion(broadcast, known, completion)));
    }
    metrics.completed.inc();
    logger.info({ channel, n, renditions: wanted.map(({ id }) => id) }, 'segment completed');
  }

  #compare(result: Result): void {
    const known = recordOf(this.#timeline, result.n);
    const differing = known === undefined ? [] : differencesFrom(known, result);
    if (differing.length > 0) {
      const { channel, n, worker, fingerprint } = result;
      this.#deps.metrics.rejected.inc({ reason: 'differs' });
      this.#deps.logger.error(
        { channel, n, worker, fingerprint, published: known?.fingerprint, differing },
        'second result differs from the published segment',
      );
    }
  }

  #drain(): void {
    this.#draining ??= this.#publishAll()
      .catch((error: unknown) => {
        this.#deps.logger.error({ error: toPipelineError(error) }, 'publishing failed');
      })
      .finally(() => {
        this.#draining = undefined;
        if (this.#sequence.peek() !== undefined && !this.#closing.signal.aborted) {
          this.#drain();
        }
      });
  }

  async #publishAll(): Promise<void> {
    for (;;) {
      const result = this.#sequence.peek();
      if (result === undefined || this.#closing.signal.aborted) {
        return;
      }
      try {
        await this.#publish(result);
      } catch (error) {
        if (this.#closing.signal.aborted) {
          return;
        }
        const { code, message } = toPipelineError(error);
        const { channel, n, worker } = result;
        if (!UNFIT.includes(code)) {
          this.#deps.logger.warn({ channel, n, code, reason: message }, 'publishing waits');
          await this.#deps.clock.sleep(RETRY_AFTER, this.#closing.signal).catch(() => undefined);
          continue;
        }
        this.#deps.metrics.rejected.inc({ reason: code });
        this.#deps.logger.error({ channel, n, worker, code, reason: message }, 'result is unfit');
        this.#sequence.drop(result);
        if (this.#sequence.peek() === undefined) {
          await this.#deps.redis.hdel(acceptedKey(channel), String(n));
        }
      }
    }
  }

  async #publish(offered: Result): Promise<void> {
    const { redis, clock, memory, metrics } = this.#deps;
    const result = withoutWithheld(this.#timeline.broadcast, offered);
    const { channel, n } = result;
    const growing = this.#growing;
    const objects = await (growing === undefined
      ? this.#readVerified(result)
      : this.#assemble(growing, result));
    const published =
      growing === undefined
        ? publishedOf(result, clock.now())
        : publishedBytes(result, objects, clock.now());
    const timeline = withSegment(this.#timeline, published);
    const { grid, broadcast, declared } = timeline;
    const noting = redis.multi();
    appendPublished(noting, channel, published, windowLength(grid, broadcast.dvrSeconds));
    noting.set(declaredKey(channel), JSON.stringify(declared), 'EX', REMEMBERED_SECONDS);
    await execute(noting);
    memory.pin(channel, n, objects);
    growing?.commit(n);
    this.#sequence.advance();
    // The end may have become known while Redis answered.
    this.#change(withBroadcast(timeline, this.#timeline.broadcast));
    this.#deps.onPublished(published);
    const lag = published.at - timeOfSegment(grid, segmentNumber(n + 1));
    metrics.published.inc();
    metrics.lag.observe(lag / 1000);
    this.#deps.logger.debug({ channel, n, lagMs: Math.round(lag) }, 'segment published');
    this.#turnStatic();
    if (growing !== undefined) {
      this.#compare(result);
    }
    await this.#tellStatus(n, lag).catch((error: unknown) => {
      this.#deps.logger.warn({ channel, error }, 'status not written');
    });
  }

  async #readVerified(result: Result): Promise<SegmentObjects> {
    const objects = await this.#read(result);
    verifyResult(this.#timeline.broadcast, result, objects, this.#timeline.inits);
    return objects;
  }

  /**
   * The segment out of its published fragments. Those that never came through the hot streams are cut out of the result's
   * bytes; what is published stays, whatever the result says.
   * @throws PipelineError `BAD_MEDIA` when fragments are missing and the result is not one with those that are published
   */
  async #assemble(growing: GrowingBroadcast, result: Result): Promise<SegmentObjects> {
    const { clock, sources } = this.#deps;
    const { n } = result;
    let isFilled = false;
    for (let look = 1; ; look += 1) {
      const whole = growing.objects(n);
      if (whole !== undefined) {
        return whole;
      }
      const { changed } = growing;
      if (!isFilled) {
        try {
          const objects = await readSegment(sources, result);
          verifyResult(this.#timeline.broadcast, result, objects, this.#timeline.inits);
          growing.fill(result, objects);
          isFilled = true;
          continue;
        } catch (error) {
          const { code } = toPipelineError(error);
          const canWait = code === 'INPUT_MISSING' || code === 'STORE_FAILED';
          // The last fragments may have come meanwhile.
          if (growing.objects(n) !== undefined) {
            continue;
          }
          if (!canWait || (code === 'INPUT_MISSING' && look >= MISSING.looks)) {
            throw error;
          }
        }
      }
      await Promise.race([changed, clock.sleep(MISSING.apart, this.#closing.signal)]);
    }
  }

  async #read(result: Result): ReturnType<typeof readSegment> {
    for (let look = 1; ; look += 1) {
      try {
        return await readSegment(this.#deps.sources, result);
      } catch (error) {
        const { code } = toPipelineError(error);
        const canWait = code === 'INPUT_MISSING' || code === 'STORE_FAILED';
        if (!canWait || (code === 'INPUT_MISSING' && look >= MISSING.looks)) {
          throw error;
        }
        await this.#deps.clock.sleep(MISSING.apart, this.#closing.signal);
      }
    }
  }

  async #tellStatus(n: number, lagMs: number): Promise<void> {
    const { channel, broadcast, renditions } = this.#timeline.broadcast;
    const status: OriginStatus = {
      broadcast,
      renditions: renditions.map(({ id }) => ({
        id,
        published: this.#newestOf(id, n),
        lagMs: Math.round(lagMs),
      })),
    };
    // Forgotten only now: until it counted as published, other runs' results were still remembered.
    await execute(
      this.#deps.redis
        .pipeline()
        .hdel(acceptedKey(channel), String(n))
        .hset(redisKeys.origin, channel, JSON.stringify(status)),
    );
  }

  /** The newest published number of a rendition, which may be withheld, after number `n` of the broadcast. */
  #newestOf(id: string, n: number): number {
    const { segments } = this.#timeline;
    const growing = this.#growing?.get(id);
    const newest = segments.findLast((segment) => hasRendition(segment, id))?.n;
    return growing === undefined ? (newest ?? n) : Math.max(newest ?? 0, growing.wholeTo - 1);
  }

  /** Once all is published players get the time to fetch it before the MPD tells them to stop. */
  #turnStatic(): void {
    if (!this.isComplete || this.#ending !== undefined) {
      return;
    }
    const grace = milliseconds(2 * UPDATE_SECONDS * 1000);
    this.#ending = this.#deps.clock.sleep(grace, this.#closing.signal).then(
      () => {
        this.#change({ ...this.#timeline, isStatic: true });
      },
      () => undefined,
    );
  }
}
