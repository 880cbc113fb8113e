/** What an operator wants to know of a feed: rate, frames and keyframes, and what is wrong with them. Pure. */
import { FRAME_FLAGS } from '#common/contracts/log';
import type { Warning } from '#common/contracts/status';
import { parseAudioTag, parseVideoTag } from '../media/flv-tag.ts';
import type { MediaPacket } from '../mapping/session-map.ts';
import { FeedArrivals, type FeedHeaders } from './feed-arrivals.ts';
import { FeedWarnings, type FeedFacts } from './feed-warnings.ts';

/** Milliseconds over which rates are taken. */
const WINDOW = 5000;

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
  readonly #arrivals = new FeedArrivals();
  #samples: Sample[] = [];
  #startedAt: number | undefined;

  /** A message with `bytes`. @param timestamp its own, milliseconds of 32 bits */
  add(at: number, bytes: number, kind: MeterKind, timestamp: number): void {
    this.#startedAt ??= at;
    const isFrame = kind === 'frame' || kind === 'start';
    this.#samples.push({ at, bytes, isFrame });
    if (isFrame) {
      this.#arrivals.picture(at, timestamp, kind === 'start');
    } else if (kind === 'sound') {
      this.#arrivals.sound(at);
    }
  }

  /** The feed at `now`; `facts` once it is mapped. */
  read(
    now: number,
    headers: FeedHeaders,
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
    const warnings = this.#arrivals.read(now, headers);
    if (facts !== undefined) {
      warnings.push(...this.#warnings.read(now, facts));
    }
    return {
      bitrateBps: Math.round((bytes * 8) / seconds),
      fps: Math.round((frames / seconds) * 100) / 100,
      keyframeSeconds: this.#arrivals.keyframeSeconds,
      warnings,
    };
  }
}

/** What a message counts as, also one that cannot be decoded and has therefore no packet. */
export function meterKind(
  type: 'audio' | 'video' | 'script',
  data: Uint8Array,
  packet: MediaPacket | undefined,
): MeterKind {
  switch (type) {
    case 'script':
      return 'other';
    case 'audio':
      return parseAudioTag(data).kind === 'frame' ? 'sound' : 'other';
    case 'video': {
      if (parseVideoTag(data).kind !== 'picture') {
        return 'other';
      }
      const flags = packet?.kind === 'video' ? packet.flags : 0;
      return (flags & FRAME_FLAGS.start) === 0 ? 'frame' : 'start';
    }
  }
}
