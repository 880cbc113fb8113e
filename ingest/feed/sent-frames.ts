/**
 * The last seconds of a session that have gone to Redis, held in case it loses them. Older frames lie in raw chunks in
 * the store, so what is held need only reach back to the chunks that are not there yet.
 */
import { appendToLog } from '#common/channel-log';
import type { CodedFrame } from '#common/contracts/frame';
import type { IngestEntry } from '#common/contracts/log';
import { redisKeys } from '#common/contracts/names';
import { appendHotFrame } from '#common/hot-frames';
import { execute, type Redis } from '#common/redis';
import type { SegmentNumber } from '#common/time';

/** A frame and the raw chunk that keeps it. */
export interface PlacedFrame {
  readonly frame: CodedFrame;
  readonly chunk: SegmentNumber;
}

/** Rows of one entry of the log. */
export type Rows = Pick<Extract<IngestEntry, { t: 'frames' }>, 'v' | 'a'>;

/** Clock milliseconds held: a segment under way, one that waits to be closed, one on its way to the store. */
const SPAN = 10_000;
/** Bytes held at most; the oldest go first. */
const MAX_BYTES = 24 << 20;

interface Held extends PlacedFrame {
  readonly at: number;
}

/** Adds a frame's row. */
export function addRow(rows: Rows, { frame, chunk }: PlacedFrame): void {
  if (frame.kind === 'video') {
    const { seq, index, flags, data } = frame;
    rows.v.push({ seq, index, chunk, bytes: data.byteLength, flags });
  } else {
    const { seq, origin, k, rate, channels, data } = frame;
    rows.a.push({ seq, origin, k, rate, channels, chunk, bytes: data.byteLength });
  }
}

/** See the head of this file. */
export class SentFrames {
  readonly #channel: string;
  readonly #session: string;
  #begin: IngestEntry | undefined;
  #held: Held[] = [];
  #bytes = 0;

  constructor(channel: string, session: string) {
    this.#channel = channel;
    this.#session = session;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** An entry goes out; the session's beginning is remembered. */
  entry(entry: IngestEntry): void {
    if (entry.t === 'session') {
      this.#begin = entry;
    }
  }

  /** A frame goes out. */
  frame(placed: PlacedFrame, now: number): void {
    this.#held.push({ ...placed, at: now });
    this.#bytes += placed.frame.data.byteLength;
    let gone = 0;
    for (const { at, frame } of this.#held) {
      if (this.#bytes <= MAX_BYTES && at >= now - SPAN) {
        break;
      }
      this.#bytes -= frame.data.byteLength;
      gone += 1;
    }
    this.#held.splice(0, gone);
  }

  /** Appends the session's beginning and all that is held. The hot stream begins anew, because its ids only grow. */
  async appendTo(redis: Redis, hotRedis: Redis): Promise<void> {
    if (this.#begin === undefined) {
      return;
    }
    const hot = hotRedis.multi().del(redisKeys.hotFrames(this.#channel, this.#session));
    const rows: Rows = { v: [], a: [] };
    for (const placed of this.#held) {
      appendHotFrame(hot, this.#channel, this.#session, placed.frame);
      addRow(rows, placed);
    }
    await execute(hot);
    const log = redis.pipeline();
    appendToLog(log, this.#channel, this.#begin);
    appendToLog(log, this.#channel, { t: 'frames', session: this.#session, ...rows });
    await execute(log);
  }
}
