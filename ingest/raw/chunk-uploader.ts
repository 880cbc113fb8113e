/**
 * Brings finished raw chunks from the spool to the store, with their records, and tells in_MQ. Retries for as long as
 * it takes; beyond the spool's limit the oldest are given up, and it says so.
 */
import { once } from 'node:events';
import type { Clock } from '#common/clock';
import { storeKeys } from '#common/contracts/names';
import type { ChunkJob, RawRecord } from '#common/contracts/raw-chunk';
import { PipelineError, toPipelineError } from '#common/errors';
import { withDeadline } from '#common/lifecycle';
import { linkSignals } from '#common/linked-signal';
import type { Logger } from '#common/logger';
import type { ObjectStore } from '#common/store/store';
import { milliseconds } from '#common/time';
import type { ChunkName, Spool } from './spool.ts';

/** The part of in_MQ that is needed. */
export interface JobQueue {
  add(name: string, data: ChunkJob, options: { readonly jobId: string }): Promise<unknown>;
}

/** What the uploader works with. */
export interface ChunkUploaderDeps {
  readonly spool: Spool;
  readonly store: Pick<ObjectStore, 'put'>;
  readonly queue: JobQueue;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Chunks on their way at once: a store that takes seconds for each must not make them pile up. */
const CONCURRENCY = 64;
/** And their bytes, which are in memory; one chunk may always go. */
const MAX_BYTES_ON_THE_WAY = 128 * 1024 ** 2;
/** The most of the spool that may be on its way: what is, cannot be given up for newer chunks. */
const SHARE_ON_THE_WAY = 0.25;
const FIRST_RETRY = 250;
const LAST_RETRY = 5000;
/** Real milliseconds that the store and Redis get for one try. */
const TRY_MS = 30_000;
const QUEUE_MS = 5000;
/** Real milliseconds that `close` waits for what is under way, unless told otherwise. */
const CLOSE_MS = 3000;

interface Waiting {
  readonly name: ChunkName;
  readonly bytes: number;
}

/** See the head of this file. */
export class ChunkUploader {
  readonly #deps: ChunkUploaderDeps;
  readonly #maxBytes: number;
  readonly #queue: Waiting[] = [];
  readonly #stop = new AbortController();
  #bytes = 0;
  #bytesOnTheWay = 0;
  #running = new Set<Promise<void>>();
  #idle: (() => void)[] = [];

  constructor(deps: ChunkUploaderDeps, maxBytes: number) {
    this.#deps = deps;
    this.#maxBytes = maxBytes;
  }

  /** Bytes that wait for the store. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /** Takes a chunk that is whole on disk. */
  add(name: ChunkName): void {
    this.#deps.spool.size(name).then(
      (bytes) => {
        this.#queue.push({ name, bytes });
        this.#bytes += bytes;
        this.#giveUpOldest();
        this.#work();
      },
      (error: unknown) => {
        this.#deps.logger.error({ error, ...name }, 'spooled chunk is gone');
      },
    );
  }

  /**
   * Waits a moment for what is under way; the rest stays in the spool for the next start.
   * @param forMs real milliseconds
   */
  async close(forMs = CLOSE_MS): Promise<void> {
    if (this.#running.size > 0 || this.#queue.length > 0) {
      const idle = new Promise<void>((resolve) => this.#idle.push(resolve));
      await withDeadline(idle, forMs, 'raw chunks').catch(() => undefined);
    }
    this.#stop.abort();
    await Promise.allSettled(this.#running);
  }

  #giveUpOldest(): void {
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#queue.shift();
      if (oldest === undefined) {
        return;
      }
      this.#bytes -= oldest.bytes;
      this.#deps.logger.error({ ...oldest.name }, 'spool is full: raw chunk given up');
      this.#deps.spool.remove(oldest.name).catch(() => undefined);
    }
  }

  #work(): void {
    while (this.#hasRoom() && !this.#stop.signal.aborted) {
      const next = this.#queue.shift();
      if (next === undefined) {
        break;
      }
      this.#bytesOnTheWay += next.bytes;
      const done = this.#upload(next.name).finally(() => {
        this.#bytes -= next.bytes;
        this.#bytesOnTheWay -= next.bytes;
        this.#running.delete(done);
        this.#work();
      });
      this.#running.add(done);
    }
    if (this.#running.size === 0) {
      this.#idle.splice(0).forEach((resolve) => {
        resolve();
      });
    }
  }

  #hasRoom(): boolean {
    const bytes = this.#bytesOnTheWay + (this.#queue[0]?.bytes ?? 0);
    const most = Math.min(MAX_BYTES_ON_THE_WAY, SHARE_ON_THE_WAY * this.#maxBytes);
    const isFirst = this.#running.size === 0;
    return isFirst || (this.#running.size < CONCURRENCY && bytes <= most);
  }

  async #upload(name: ChunkName): Promise<void> {
    const { clock, logger, spool } = this.#deps;
    const { signal } = this.#stop;
    const chunk = await spool.read(name).catch((error: unknown) => {
      logger.error({ error, ...name }, 'spooled chunk cannot be read, it is left where it is');
      return 'unreadable' as const;
    });
    if (chunk === 'unreadable') {
      return;
    }
    for (let delay = FIRST_RETRY; !signal.aborted; delay = Math.min(LAST_RETRY, delay * 2)) {
      try {
        if (chunk !== undefined) {
          await this.#try(name, chunk.body, chunk.record);
        }
        await spool.remove(name);
        return;
      } catch (error) {
        const { code, message } = toPipelineError(error, 'STORE_FAILED');
        const facts = { ...name, code, reason: message };
        if (delay === FIRST_RETRY) {
          logger.warn(facts, 'raw chunk did not reach the store at once');
        } else {
          logger.debug(facts, 'raw chunk is sent again');
        }
        await clock.sleep(milliseconds(delay), signal).catch(() => undefined);
      }
    }
  }

  async #try(name: ChunkName, body: Buffer, record: RawRecord): Promise<void> {
    const linked = linkSignals([this.#stop.signal], TRY_MS);
    try {
      await this.#put(name, body, record, linked.signal);
    } finally {
      linked.release();
    }
  }

  async #put(name: ChunkName, body: Buffer, record: RawRecord, signal: AbortSignal): Promise<void> {
    const { queue, store } = this.#deps;
    const { channel, session, n } = name;
    const key = storeKeys.rawChunk(channel, session, n);
    await store.put(key, body, { contentType: 'video/mp4', signal });
    await store.put(storeKeys.rawRecord(channel, session, n), Buffer.from(JSON.stringify(record)), {
      contentType: 'application/json',
      signal,
    });
    const job = {
      channel,
      session,
      n,
      firstSeq: record.frames[0]?.seq ?? 0,
      lastSeq: record.frames.at(-1)?.seq ?? 0,
    };
    if (signal.aborted) {
      throw new PipelineError('ABORTED', 'in_MQ is not waited for');
    }
    const added = queue.add('chunk', job, { jobId: `${channel}-${session}-${n}` });
    // Redis that is away answers when it is back, whoever has stopped waiting.
    const stopped = once(signal, 'abort').then(() => {
      throw new PipelineError('ABORTED', 'in_MQ is not waited for');
    });
    await withDeadline(Promise.race([added, stopped]), QUEUE_MS, 'in_MQ').catch(
      (error: unknown) => {
        throw toPipelineError(error, 'UNAVAILABLE');
      },
    );
  }
}
