/**
 * The cache: one upstream request per object however many ask. Whoever asks while it is under way gets the same
 * object and reads it as it grows; nobody's leaving ends it. Bounded in bytes, in flight and at rest.
 */
import { gzip } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import type { Clock } from '#common/clock';
import { PipelineError, toPipelineError } from '#common/errors';
import type { Logger } from '#common/logger';
import { CachedObject } from './cached-object.ts';
import { isText, type MediaRoute } from './paths.ts';
import { freshnessOf, statusForViewer } from './policy.ts';
import { readWhole } from './resume.ts';
import type { Upstream, UpstreamAnswer, UpstreamHead } from './upstream.ts';

/** What a viewer is to be given; without an object, only the status. */
export interface MediaAnswer {
  readonly status: number;
  readonly object: CachedObject | undefined;
  readonly cacheControl: string | undefined;
  readonly retryAfter: string | undefined;
}

/** How a request was answered, for metrics. */
export type Lookup = 'hit' | 'join' | 'miss' | 'revalidate' | 'refused';

/** What it needs. */
export interface MediaCacheOptions {
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Bound of the bytes at rest, and again of the bytes in flight. */
  readonly maxBytes: number;
  readonly onLookup?: (lookup: Lookup) => void;
}

interface Stored {
  readonly route: MediaRoute;
  readonly answer: MediaAnswer;
  freshUntil: number;
}

/** Requests to the upstream at a time; beyond, 503: numbers nobody will ever make must not fill the memory. */
const MAX_FLIGHTS = 2048;
/** Map entry, key and object around the bytes. */
const ENTRY_OVERHEAD = 1024;
const GZIP_FROM_BYTES = 1024;
/** Up to here an object comes nearly at once. */
const WAITED_FOR_BYTES = 64 * 1024;

const statusOnly = (status: number, retryAfter?: string): MediaAnswer => ({
  status,
  object: undefined,
  cacheControl: undefined,
  retryAfter,
});

/** See the head of this file. */
export class MediaCache {
  readonly #options: MediaCacheOptions;
  readonly #stored: LRUCache<string, Stored>;
  readonly #flights = new Map<string, Promise<MediaAnswer>>();
  #flyingBytes = 0;

  constructor(options: MediaCacheOptions) {
    this.#options = options;
    this.#stored = new LRUCache({
      maxSize: options.maxBytes,
      sizeCalculation: ({ answer }, key) =>
        ENTRY_OVERHEAD + key.length * 2 + (answer.object?.allocated ?? 0),
    });
  }

  /** Bytes at rest. */
  get bytes(): number {
    return this.#stored.calculatedSize;
  }

  /** Bytes being received. */
  get flyingBytes(): number {
    return this.#flyingBytes;
  }

  /** What is kept and fresh under this key. */
  fresh(key: string): { readonly route: MediaRoute; readonly answer: MediaAnswer } | undefined {
    const stored = this.#stored.get(key);
    if (stored === undefined || this.#options.clock.now() >= stored.freshUntil) {
      return undefined;
    }
    this.#options.onLookup?.('hit');
    return stored;
  }

  /** The answer to a route: at once when it is kept and fresh, else as soon as the upstream's head is there. Never rejects. */
  get(route: MediaRoute): MediaAnswer | Promise<MediaAnswer> {
    const { onLookup } = this.#options;
    const stored = this.#stored.get(route.key);
    if (stored !== undefined && this.#options.clock.now() < stored.freshUntil) {
      onLookup?.('hit');
      return stored.answer;
    }
    const under = this.#flights.get(route.key);
    if (under !== undefined) {
      onLookup?.('join');
      return under;
    }
    if (this.#flights.size >= MAX_FLIGHTS) {
      onLookup?.('refused');
      return statusOnly(503, '1');
    }
    onLookup?.(stored === undefined ? 'miss' : 'revalidate');
    const flight = this.#fly(route, stored);
    this.#flights.set(route.key, flight);
    return flight;
  }

  async #fly(route: MediaRoute, stored: Stored | undefined): Promise<MediaAnswer> {
    try {
      const answer = await this.#options.upstream.fetch(route.key, {
        etag: stored?.answer.object?.etag,
      });
      const { head } = answer;
      if (head.status === 304 && stored !== undefined) {
        await answer.discard();
        stored.freshUntil = this.#freshUntil(route, { ...head, status: 200 });
        this.#flights.delete(route.key);
        return stored.answer;
      }
      if (head.status !== 200) {
        await answer.discard();
        return this.#conclude(route, head);
      }
      if (!head.isFramed) {
        // A body that ends with its connection cannot be told from one that was cut off.
        await answer.discard();
        throw new PipelineError('UNAVAILABLE', 'upstream body has neither length nor chunks');
      }
      return await this.#receive(route, answer);
    } catch (error) {
      this.#flights.delete(route.key);
      this.#options.logger.debug({ error, path: route.key }, 'upstream request failed');
      return statusOnly(502);
    }
  }

  /** An answer without object: kept for a moment when it is a 404. */
  #conclude(route: MediaRoute, head: UpstreamHead): MediaAnswer {
    const status = statusForViewer(head.status);
    const answer = statusOnly(status, status === 503 ? (head.retryAfter ?? '1') : undefined);
    const freshUntil = this.#freshUntil(route, head);
    if (freshUntil > this.#options.clock.now()) {
      this.#stored.set(route.key, { route, answer, freshUntil });
    } else {
      this.#stored.delete(route.key);
    }
    this.#flights.delete(route.key);
    return answer;
  }

  /**
   * Hands out the object while its bytes arrive; keeps it once it is whole. A small one is handed out whole, any other with
   * its first bytes: so that head and bytes go to each of those who wait in one write.
   */
  async #receive(route: MediaRoute, upstream: UpstreamAnswer): Promise<MediaAnswer> {
    const { head } = upstream;
    if (this.#flyingBytes + (head.length ?? 0) > this.#options.maxBytes) {
      void upstream.discard().catch(() => undefined);
      this.#flights.delete(route.key);
      return statusOnly(503, '1');
    }
    const object = new CachedObject(head);
    const answer: MediaAnswer = {
      status: 200,
      object,
      cacheControl: head.cacheControl,
      retryAfter: undefined,
    };
    const freshUntil = this.#freshUntil(route, head);
    void this.#fill(route, upstream, object).then((isWhole) => {
      this.#flights.delete(route.key);
      if (isWhole) {
        this.#stored.set(route.key, { route, answer, freshUntil });
        if (isText(route)) {
          this.#compress(route.key, object);
        }
      }
    });
    await ((object.declaredLength ?? Number.POSITIVE_INFINITY) <= WAITED_FOR_BYTES
      ? object.settled()
      : object.begun());
    return answer;
  }

  async #fill(route: MediaRoute, upstream: UpstreamAnswer, object: CachedObject): Promise<boolean> {
    let counted = 0;
    const stopCounting = object.onChange(() => {
      const grown = object.allocated - counted;
      counted += grown;
      this.#flyingBytes += grown;
      // One that grows says beforehand nothing of how far.
      if (grown > 0 && this.#flyingBytes > this.#options.maxBytes) {
        throw new PipelineError('TOO_LARGE', 'more bytes in flight than CACHE_BYTES');
      }
    });
    counted = object.allocated;
    this.#flyingBytes += counted;
    try {
      await (isText(route)
        ? upstream.readInto(object)
        : readWhole(this.#options.upstream, route.key, upstream, object));
      return true;
    } catch (error) {
      object.fail();
      if (!this.#options.upstream.closed.aborted) {
        this.#options.logger.warn(
          { error: toPipelineError(error, 'UNAVAILABLE'), path: route.key, bytes: object.received },
          'upstream broke off',
        );
      }
      return false;
    } finally {
      stopCounting();
      this.#flyingBytes -= counted;
    }
  }

  /** Texts shrink twentyfold, and every viewer asks for the whole DVR window's playlist every two seconds. */
  #compress(key: string, object: CachedObject): void {
    if (object.received < GZIP_FROM_BYTES) {
      return;
    }
    gzip(object.slice(0, object.received), { level: 6 }, (error, bytes) => {
      const stored = this.#stored.peek(key);
      if (error === null && stored?.answer.object === object) {
        object.gzipped = bytes;
        // Set anew so that its size counts.
        this.#stored.set(key, stored);
      }
    });
  }

  #freshUntil(route: MediaRoute, head: UpstreamHead): number {
    const { now } = this.#options.clock;
    return now() + freshnessOf(route.media, route.key, head.status, head.cacheControl);
  }
}
