/** What an operator wants to know of a feed: rate, frames, keyframes, and what to change at the encoder. Pure. */
import type { Warning } from '../../common/contracts/status.ts';
import { nearestFps, type Grid } from '../../common/grid.ts';

/** Milliseconds over which rates are taken. */
const WINDOW = 5000;
/** A keyframe interval above this is worth a warning, seconds. */
const LONG_INTERVAL = 4;
/** Without sound for so long, milliseconds. */
const SILENT = 3000;
/** Below this share of frames in step with a grid of the source's own rate, the source's rate varies. */
const STEADY = 0.9;

interface Sample {
  readonly at: number;
  readonly bytes: number;
  readonly isFrame: boolean;
}

/** What the meter does not see itself. */
export interface FeedFacts {
  readonly grid: Grid;
  /** Frames a second that the source declares. */
  readonly declaredFps: number | undefined;
  /** Share of frames that follow the grid one by one. */
  readonly inStep: number;
}

/** See the head of this file. Times are milliseconds of arrival. */
export class FeedMeter {
  #samples: Sample[] = [];
  #startedAt: number | undefined;
  #lastStart: number | undefined;
  #keyframeSeconds: number | null = null;
  #lastSound: number | undefined;

  /** A message with `bytes`; `isFrame` if it was a picture, `isStart` if decoding may start there. */
  add(at: number, bytes: number, kind: 'frame' | 'start' | 'sound' | 'other'): void {
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
    const warnings: Warning[] = [];
    if (interval > LONG_INTERVAL) {
      warnings.push({
        code: 'KEYFRAME_INTERVAL_LONG',
        message: `keyframes are ${interval.toFixed(1)} s apart: set the encoder's keyframe interval to 2 s`,
      });
    }
    if (now - (this.#lastSound ?? started) > SILENT) {
      warnings.push({ code: 'NO_AUDIO', message: 'the feed has no sound' });
    }
    warnings.push(...rateWarnings(facts));
    return {
      bitrateBps: Math.round((bytes * 8) / seconds),
      fps: Math.round((frames / seconds) * 100) / 100,
      keyframeSeconds: this.#keyframeSeconds,
      warnings,
    };
  }
}

function rateWarnings(facts: FeedFacts | undefined): Warning[] {
  if (facts === undefined) {
    return [];
  }
  const { declaredFps, grid, inStep } = facts;
  if (declaredFps !== undefined && nearestFps(declaredFps) !== grid.name) {
    const message = `the feed has ${declaredFps.toFixed(3)} frames a second and is converted to the channel's ${grid.name}`;
    return [{ code: 'FRAME_RATE_CONVERTED', message }];
  }
  if (inStep < STEADY) {
    const message = `the feed's frames do not follow ${grid.name} frames a second: some are repeated or left out`;
    return [{ code: 'FRAME_RATE_VARIABLE', message }];
  }
  return [];
}
