/**
 * A session's frames on their way to Redis: into its hot stream, then its channel's log, in one pipeline, batched over
 * a few milliseconds. Bounded while Redis is away: the oldest bytes are dropped (raw chunks have them), the log's rows
 * are kept. What went out lately is held a little longer, to be appended again should Redis lose it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { appendToLog } from '#common/channel-log';
import type { Clock } from '#common/clock';
import type { CodedFrame } from '#common/contracts/frame';
import type { IngestEntry } from '#common/contracts/log';
import { PipelineError } from '#common/errors';
import { appendHotFrame, trimHotFrames } from '#common/hot-frames';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import { addRow, SentFrames, type PlacedFrame, type Rows } from './sent-frames.ts';

/** What a hot writer works with. */
export interface HotWriterDeps {
  readonly redis: Redis;
  readonly hotRedis: Redis;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when nothing is waited for any more: what Redis has not taken by then is given up. */
  readonly giveUp: AbortSignal;
  /**
   * Whether frames gather for a moment before they are sent: a pipeline costs as much as its frames. Where each frame counts
   * only those gather that come while others are on their way.
   */
  readonly isGathering: boolean;
}

/** One step of the log: an entry of its own, or frames that belong together. */
type Step =
  | { readonly entry: IngestEntry }
  | {
      readonly rows: Rows;
      /** Undefined once they were given up. */
      frames: readonly PlacedFrame[] | undefined;
      readonly bytes: number;
    };

/** Clock milliseconds in which frames gather before they are sent. */
const GATHER = 100;
/** Bytes in one pipeline. */
const BATCH_BYTES = 4 << 20;
/** Bytes waiting for Redis, and in the hot stream. */
const MAX_BYTES = 24 << 20;
/** Steps waiting for Redis: some twenty minutes. */
const MAX_STEPS = 100_000;
/** Clock milliseconds that the hot stream covers, and between trims. */
const HOT_SPAN = 20_000;
const TRIM_EVERY = 1000;
const RETRY_MS = 500;

/** See the head of this file. */
export class HotWriter {
  readonly #deps: HotWriterDeps;
  readonly #channel: string;
  readonly #session: string;
  #steps: Step[] = [];
  /** On their way, in one pipeline. */
  #underWay: readonly Step[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  readonly #sent: SentFrames;
  #isLost = false;
  /** What the hot stream holds. */
  #kept: { readonly seq: number; readonly bytes: number; readonly at: number }[] = [];
  #keptBytes = 0;
  #trimmedAt = 0;

  constructor(deps: HotWriterDeps, channel: string, session: string) {
    this.#deps = deps;
    this.#channel = channel;
    this.#session = session;
    this.#sent = new SentFrames(channel, session);
  }

  /** Appends an entry of its own. */
  entry(entry: IngestEntry): void {
    this.#steps.push({ entry });
    this.#arm();
  }

  /**
   * Appends frames that became known together: they stay in one entry.
   * @throws OVERLOADED if Redis has been away for so long that even the log's rows no longer fit
   */
  frames(frames: readonly PlacedFrame[]): void {
    if (frames.length === 0) {
      return;
    }
    if (this.#steps.length >= MAX_STEPS) {
      throw new PipelineError('OVERLOADED', 'redis has been away for too long');
    }
    const bytes = frames.reduce((sum, { frame }) => sum + frame.data.byteLength, 0);
    this.#steps.push({ rows: rowsOf(frames), frames, bytes });
    this.#bytes += bytes;
    if (this.#bytes > MAX_BYTES) {
      this.#dropBytes();
    }
    this.#arm();
  }

  /** Redis has lost its data: the session's beginning and its last seconds are appended again, before what follows. */
  appendAgain(): void {
    this.#isLost = true;
    this.#arm();
  }

  /**
   * Sends what is left, for as long as it takes, or until it is given up, which the log says.
   * @returns whether Redis has all of it
   */
  async close(): Promise<boolean> {
    const { giveUp } = this.#deps;
    let stopWaiting = (): void => undefined;
    const givenUp = new Promise<void>((resolve) => {
      stopWaiting = resolve;
    });
    giveUp.addEventListener('abort', stopWaiting);
    while ((this.#steps.length > 0 || this.#sending !== undefined) && !giveUp.aborted) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      await Promise.race([this.#sending ?? this.#send(), givenUp]);
    }
    giveUp.removeEventListener('abort', stopWaiting);
    clearTimeout(this.#timer);
    const left = [...this.#underWay, ...this.#steps];
    if (left.length === 0) {
      return true;
    }
    const frames = left.reduce((sum, step) => sum + framesOf(step), 0);
    this.#deps.logger.error({ frames }, 'redis is away: frames given up, raw chunks have them');
    this.#steps = [];
    return false;
  }

  #dropBytes(): void {
    for (const step of this.#steps) {
      if (this.#bytes <= MAX_BYTES) {
        return;
      }
      if ('frames' in step && step.frames !== undefined) {
        step.frames = undefined;
        this.#bytes -= step.bytes;
      }
    }
  }

  #arm(): void {
    const isIdle = this.#timer === undefined && this.#sending === undefined;
    if (!isIdle || this.#deps.giveUp.aborted) {
      return;
    }
    if (this.#deps.isGathering) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        void this.#send();
      }, GATHER / this.#deps.clock.rate);
    } else {
      this.#sending = Promise.resolve().then(() => this.#send());
    }
  }

  #send(): Promise<void> {
    this.#sending = this.#sendBatch()
      .catch(async (error: unknown) => {
        if (!this.#deps.giveUp.aborted) {
          this.#deps.logger.warn({ error }, 'frames did not reach redis');
          await this.#beforeRetry();
        }
      })
      .finally(() => {
        this.#sending = undefined;
        if (this.#steps.length > 0 || this.#isLost) {
          this.#arm();
        }
      });
    return this.#sending;
  }

  async #beforeRetry(): Promise<void> {
    await delay(RETRY_MS, undefined, { signal: this.#deps.giveUp }).catch(() => undefined);
  }

  async #sendBatch(): Promise<void> {
    const { redis, hotRedis, clock } = this.#deps;
    if (this.#isLost) {
      await this.#sent.appendTo(redis, hotRedis);
      this.#isLost = false;
    }
    const batch = this.#takeBatch();
    this.#underWay = batch;
    const hot = hotRedis.pipeline();
    const log = redis === hotRedis ? hot : redis.pipeline();
    const rows: Rows = { v: [], a: [] };
    const entries: IngestEntry[] = [];
    const flushRows = (): void => {
      if (rows.v.length > 0 || rows.a.length > 0) {
        entries.push({ t: 'frames', session: this.#session, v: rows.v, a: rows.a });
        rows.v = [];
        rows.a = [];
      }
    };
    for (const step of batch) {
      if ('entry' in step) {
        flushRows();
        entries.push(step.entry);
        this.#sent.entry(step.entry);
        continue;
      }
      for (const placed of step.frames ?? []) {
        appendHotFrame(hot, this.#channel, this.#session, placed.frame);
        this.#keep(placed.frame);
        this.#sent.frame(placed, clock.now());
      }
      rows.v.push(...step.rows.v);
      rows.a.push(...step.rows.a);
    }
    flushRows();
    this.#trim(hot);
    const isOne = log === hot;
    const hotCommands = hot.length;
    entries.forEach((entry) => {
      appendToLog(log, this.#channel, entry);
    });
    if (!isOne) {
      await hot.exec();
    }
    const results = ((await log.exec()) ?? []).slice(isOne ? hotCommands : 0);
    this.#underWay = [];
    const failed = results.findIndex(([error]) => error !== null);
    if (failed >= 0) {
      // The log must have every row, in order: what failed goes back to the head of the queue.
      this.#steps.unshift(...entries.slice(failed).map((entry) => ({ entry })));
      throw results[failed]?.[0] ?? new PipelineError('UNAVAILABLE', 'redis refused the log');
    }
  }

  #takeBatch(): Step[] {
    let count = 0;
    let bytes = 0;
    for (const step of this.#steps) {
      const size = 'frames' in step && step.frames !== undefined ? step.bytes : 0;
      if (count > 0 && bytes + size > BATCH_BYTES) {
        break;
      }
      bytes += size;
      count += 1;
      if (count >= 1000) {
        break;
      }
    }
    this.#bytes -= bytes;
    return this.#steps.splice(0, count);
  }

  #keep(frame: CodedFrame): void {
    const bytes = frame.data.byteLength;
    this.#kept.push({ seq: frame.seq, bytes, at: this.#deps.clock.now() });
    this.#keptBytes += bytes;
  }

  #trim(pipeline: ReturnType<Redis['pipeline']>): void {
    const now = this.#deps.clock.now();
    const isOver = this.#keptBytes > MAX_BYTES;
    if (!isOver && now - this.#trimmedAt < TRIM_EVERY) {
      return;
    }
    this.#trimmedAt = now;
    let gone = 0;
    for (const item of this.#kept) {
      if (this.#keptBytes <= MAX_BYTES && item.at >= now - HOT_SPAN) {
        break;
      }
      this.#keptBytes -= item.bytes;
      gone += 1;
    }
    this.#kept.splice(0, gone);
    trimHotFrames(pipeline, this.#channel, this.#session, this.#kept[0]?.seq ?? 0);
  }
}

function framesOf(step: Step): number {
  if ('rows' in step) {
    return step.rows.v.length + step.rows.a.length;
  }
  return step.entry.t === 'frames' ? step.entry.v.length + step.entry.a.length : 0;
}

function rowsOf(frames: readonly PlacedFrame[]): Rows {
  const rows: Rows = { v: [], a: [] };
  for (const placed of frames) {
    addRow(rows, placed);
  }
  return rows;
}
