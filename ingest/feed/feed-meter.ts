/** What an operator wants to know of a feed: rate, frames and keyframes, and what is wrong with them. Pure. */
import { FRAME_FLAGS } from '#common/contracts/log';
import type { Warning } from '#common/contracts/status';
import type { MediaPacket } from '../mapping/session-map.ts';
import { FeedWarnings, keyframeWarnings, type FeedFacts } from './feed-warnings.ts';

/** Milliseconds over which rates are taken. */
const WINDOW = 5000;
/** Without sound for so long, milliseconds. */
const SILENT = 3000;

/** A picture, one at which decoding may start, sound, or anything else. */
export type MeterKind = 'frame' | 'start' | 'sound' | 'other';

interface Sample {
  readonly at: number;
  readonly bytes: number;
  readonly isFrame: boolean;
}

/** See the head of this file. Times are milliseconds of arrival. */
export class FeedMeter {
  readonly #warnings = new FeedWarnings();
  #samples: Sample[] = [];
  #startedAt: number | undefined;
  #lastStart: number | undefined;
  #keyframeSeconds: number | null = null;
  #lastSound: number | undefined;

  /** A message with `bytes`; `isFrame` if it was a picture, `isStart` if decoding may start there. */
  add(at: number, bytes: number, kind: MeterKind): void {
    this.#startedAt ??= at;
    this.#samples.push({ at, bytes, isFrame: kind === 'frame' || kind === 'start' });
    if (kind === 'sound') {
      this.#lastSound = at;
    }
    if (kind === 'start') {
      if (this.#lastStart !== undefined) {
        this.#keyframeSeconds = (at - this.#lastStart) / 1000;
      }
      this.#lastStart = at;
    }
  }

  /** The feed at `now`. */
  read(
    now: number,
    facts: FeedFacts | undefined,
  ): { bitrateBps: number; fps: number; keyframeSeconds: number | null; warnings: Warning[] } {
    const from = now - WINDOW;
    const firstKept = this.#samples.findIndex((sample) => sample.at >= from);
    this.#samples.splice(0, firstKept < 0 ? this.#samples.length : firstKept);
    const started = this.#startedAt ?? now;
    const seconds = Math.max(0.2, Math.min(WINDOW, now - started) / 1000);
    let bytes = 0;
    let frames = 0;
    for (const sample of this.#samples) {
      bytes += sample.bytes;
      frames += Number(sample.isFrame);
    }
    const open = this.#lastStart === undefined ? 0 : (now - this.#lastStart) / 1000;
    const interval = Math.max(this.#keyframeSeconds ?? 0, open);
    const warnings = keyframeWarnings(interval);
    if (now - (this.#lastSound ?? started) > SILENT) {
      warnings.push({ code: 'NO_AUDIO', message: 'the feed has no sound' });
    }
    if (facts !== undefined) {
      warnings.push(...this.#warnings.read(now, facts));
    }
    return {
      bitrateBps: Math.round((bytes * 8) / seconds),
      fps: Math.round((frames / seconds) * 100) / 100,
      keyframeSeconds: this.#keyframeSeconds,
      warnings,
    };
  }
}

/** What a message counts as; without a packet it carried no media. */
export function meterKind(packet: MediaPacket | undefined): MeterKind {
  if (packet === undefined) {
    return 'other';
  }
  if (packet.kind === 'audio') {
    return 'sound';
  }
  return (packet.flags & FRAME_FLAGS.start) === 0 ? 'frame' : 'start';
}
