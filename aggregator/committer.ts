/**
 * Published segments on their way into the record. The worker puts the objects and says so; when it does not in
 * time, they are put from memory. Then the commit record is written: only it proves that a segment is stored. The
 * spool is bounded; when the store is away for too long the oldest bytes are let go and no longer listed.
 */
import { setMaxListeners } from 'node:events';
import pLimit from 'p-limit';
import type { Clock } from '#common/clock';
import { initHash } from '#common/contracts/delivery';
import { storeKeys } from '#common/contracts/names';
import type { Published, Result } from '#common/contracts/segment';
import { toPipelineError } from '#common/errors';
import type { Logger } from '#common/logger';
import type { ObjectStore } from '#common/store/store';
import { milliseconds } from '#common/time';
import type { SegmentMemory } from './memory.ts';
import { readStoredSegment } from './segment-bytes.ts';
import { differencesFrom } from './verify.ts';

/** How long the worker has to put its objects before they are put from here. */
const STORED_WITHIN = milliseconds(10_000);
const BACKOFF = { first: 500, most: 10_000 } as const;
/** How often the store is asked for a segment whose bytes are not here, before it counts as lost. */
const MAX_LOOKS = 60;
/** Segments written at a time, and segments that may await their commit, with or without bytes here. */
const CONCURRENT = 16;
const MAX_PENDING = 10_000;
/** Notices of the worker that came before the segment was published. */
const MAX_EARLY = 1_024;

/** What the committer tells. */
export interface CommitEvents {
  readonly onCommitted: (channel: string, published: Published) => void;
  /** The bytes are neither here nor in the store. */
  readonly onLost: (channel: string, published: Published) => void;
}

interface Pending {
  readonly channel: string;
  readonly published: Published;
  /** Aborted when the worker says it has stored the objects, or all is over. */
  readonly stored: AbortController;
  /** Objects put from here so far: a retry puts only the others. */
  readonly put: Set<string>;
  isStored: boolean;
}

/** What the committer needs. */
export interface CommitterDeps {
  readonly store: Pick<ObjectStore, 'put' | 'get'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly memory: SegmentMemory;
}

const keyOf = (channel: string, n: number): string => `${channel}/${n}`;

/** See the head of this file. */
export class Committer {
  readonly #deps: CommitterDeps;
  readonly #events: CommitEvents;
  readonly #pending = new Map<string, Pending>();
  readonly #early = new Map<string, Result>();
  readonly #limit = pLimit(CONCURRENT);
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(deps: CommitterDeps, events: CommitEvents) {
    this.#deps = deps;
    this.#events = events;
    // Every pending segment may wait on it; their number has its own bound.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Segments that await their commit. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Whether a published segment awaits its commit. */
  isPending(channel: string, n: number): boolean {
    return this.#pending.has(keyOf(channel, n));
  }

  /** A segment is published; its bytes are pinned in memory, unless this follows a restart. */
  add(channel: string, published: Published): void {
    const key = keyOf(channel, published.n);
    if (this.#pending.has(key)) {
      return;
    }
    const entry: Pending = {
      channel,
      published,
      stored: new AbortController(),
      put: new Set(),
      isStored: false,
    };
    this.#pending.set(key, entry);
    this.#bound();
    const run = this.#commit(entry).finally(() => {
      this.#running.delete(run);
    });
    this.#running.add(run);
    const early = this.#early.get(key);
    if (early !== undefined) {
      this.#early.delete(key);
      this.stored(early);
    }
  }

  /** A worker has put a result's objects. */
  stored(result: Result): void {
    const key = keyOf(result.channel, result.n);
    const entry = this.#pending.get(key);
    if (entry === undefined) {
      this.#early.set(key, result);
      for (const oldest of this.#early.keys()) {
        if (this.#early.size <= MAX_EARLY) {
          break;
        }
        this.#early.delete(oldest);
      }
      return;
    }
    const differing = differencesFrom(entry.published, result);
    if (differing.length > 0) {
      this.#deps.logger.error(
        { channel: result.channel, n: result.n, worker: result.worker, differing },
        'stored objects differ from the published segment',
      );
      return;
    }
    entry.isStored = true;
    entry.stored.abort();
  }

  /** Stops; what is not committed is taken up again after the restart. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const entry of this.#pending.values()) {
      entry.stored.abort();
    }
    await Promise.all(this.#running);
  }

  async #commit(entry: Pending): Promise<void> {
    const { channel, published } = entry;
    const { clock, logger, memory } = this.#deps;
    if (memory.get(channel, published.n) !== undefined) {
      await clock.sleep(STORED_WITHIN, entry.stored.signal).catch(() => undefined);
    }
    let wait: number = BACKOFF.first;
    for (let look = 1; !this.#closing.signal.aborted; look += 1) {
      try {
        const isStored = entry.isStored || (await this.#limit(() => this.#store(entry)));
        if (isStored) {
          await this.#limit(() => this.#writeRecord(entry));
          this.#end(entry);
          this.#events.onCommitted(channel, published);
          return;
        }
        if (look >= MAX_LOOKS) {
          logger.error({ channel, n: published.n }, 'published segment is lost');
          this.#end(entry);
          this.#events.onLost(channel, published);
          return;
        }
      } catch (error) {
        const { code, message } = toPipelineError(error, 'STORE_FAILED');
        logger.warn({ channel, n: published.n, code, reason: message }, 'commit failed');
      }
      await clock.sleep(milliseconds(wait), this.#closing.signal).catch(() => undefined);
      wait = Math.min(wait * 2, BACKOFF.most);
    }
  }

  /** Puts the objects from memory, or looks for them in the store; false when they are in neither. */
  async #store(entry: Pending): Promise<boolean> {
    const { channel, published } = entry;
    const { store, memory } = this.#deps;
    const { n } = published;
    const objects = memory.get(channel, n);
    if (objects === undefined) {
      return (await readStoredSegment(store, channel, published)) !== undefined;
    }
    const puts: Promise<void>[] = [];
    const put = async (key: string, bytes: Uint8Array): Promise<void> => {
      if (!entry.put.has(key)) {
        await store.put(key, bytes, { contentType: 'video/mp4' });
        entry.put.add(key);
      }
    };
    for (const item of published.renditions) {
      const bytes = objects.get(item.rendition);
      if (bytes === undefined) {
        return false;
      }
      const { rendition, initSha256 } = item;
      puts.push(
        put(storeKeys.init(channel, rendition, initHash(initSha256)), bytes.init),
        put(storeKeys.segment(channel, rendition, n), bytes.data),
      );
    }
    const failed = (await Promise.allSettled(puts)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') {
      throw failed.reason;
    }
    return true;
  }

  async #writeRecord({ channel, published }: Pending): Promise<void> {
    const key = storeKeys.commit(channel, published.broadcast, published.n);
    await this.#deps.store.put(key, Buffer.from(JSON.stringify(published)), {
      ifAbsent: true,
      contentType: 'application/json',
    });
  }

  #end({ channel, published }: Pending): void {
    this.#pending.delete(keyOf(channel, published.n));
    this.#deps.memory.unpin(channel, published.n);
  }

  /** Keeps the spool within its bounds: the oldest bytes go first. */
  #bound(): void {
    const { memory, logger } = this.#deps;
    for (const entry of this.#pending.values()) {
      const isOver = memory.isSpoolOver || this.#pending.size > MAX_PENDING;
      if (!isOver) {
        return;
      }
      const { channel, published } = entry;
      if (memory.get(channel, published.n) === undefined && this.#pending.size <= MAX_PENDING) {
        continue;
      }
      logger.error({ channel, n: published.n }, 'spool is full: segment let go before its commit');
      memory.drop(channel, published.n);
      if (!entry.isStored) {
        this.#events.onLost(channel, published);
      }
      if (this.#pending.size > MAX_PENDING) {
        this.#pending.delete(keyOf(channel, published.n));
        entry.stored.abort();
      }
    }
  }
}
