/**
 * Places AAC frames on the 48 kHz sample grid by counting: RTMP's whole milliseconds only begin a run and tell when
 * it has broken. Within a run, frame `k` begins exactly `1024·k` source samples after the run's origin.
 */
import { AAC_FRAME_SAMPLES, SAMPLE_RATE } from '#common/grid';
import { samplePosition, type SamplePosition } from '#common/time';

/** Further off than this for {@link PERSISTENT} frames in a row, a run ends: 40 ms. */
const DRIFTED = 0.04 * SAMPLE_RATE;
const PERSISTENT = 8;
/** Further off than this, a run ends at once: 100 ms is a gap, not jitter. */
const BROKEN = 0.1 * SAMPLE_RATE;

/** Where an AAC frame lies. */
export interface SoundPlace {
  readonly origin: SamplePosition;
  readonly k: number;
}

/** Length of an AAC frame on the 48 kHz grid. */
export const frameLength = (rate: number): number => (AAC_FRAME_SAMPLES * SAMPLE_RATE) / rate;

/**
 * The first position of an unbroken run, from all its frames' positions: millisecond rounding and jitter average out.
 * @param positions where the frames' timestamps put them, in order
 */
export function steadyStart(positions: readonly number[], rate: number): number {
  const first = positions[0] ?? 0;
  let sum = 0;
  let count = 0;
  for (const position of positions) {
    const start = position - count * frameLength(rate);
    if (Math.abs(start - first) > DRIFTED) {
      break;
    }
    sum += start;
    count += 1;
  }
  return count === 0 ? first : sum / count;
}

/** See the head of this file. */
export class SoundRuns {
  #run:
    { readonly origin: SamplePosition; readonly rate: number; readonly config: Buffer } | undefined;
  #next = 0;
  #end = 0;
  #off: number[] = [];
  #breaks = 0;

  /** How often a run was followed by another of the same kind, or a frame was left out. */
  get breaks(): number {
    return this.#breaks;
  }

  /**
   * Places the next frame.
   * @param position where its timestamp puts it, in 48 kHz samples
   * @returns undefined if that place is taken already: the frame is left out
   */
  place(position: number, rate: number, config: Buffer): SoundPlace | undefined {
    const run = this.#run;
    if (run === undefined || run.rate !== rate || !run.config.equals(config)) {
      this.#breaks += Number(run === undefined && this.#end > 0);
      return this.#begin(position, rate, config);
    }
    const expected = run.origin + this.#next * frameLength(rate);
    const off = position - expected;
    if (Math.abs(off) > BROKEN) {
      this.#breaks += 1;
      return this.#begin(position, rate, config);
    }
    if (Math.abs(off) > DRIFTED && Math.sign(off) === Math.sign(this.#off[0] ?? off)) {
      this.#off.push(off);
      if (this.#off.length >= PERSISTENT) {
        this.#breaks += 1;
        const mean = this.#off.reduce((sum, value) => sum + value, 0) / PERSISTENT;
        return this.#begin(expected + mean, rate, config);
      }
    } else {
      this.#off = [];
    }
    const k = this.#next;
    this.#next += 1;
    this.#end = run.origin + this.#next * frameLength(rate);
    return { origin: run.origin, k };
  }

  #begin(position: number, rate: number, config: Buffer): SoundPlace | undefined {
    this.#run = undefined;
    this.#off = [];
    const length = frameLength(rate);
    if (position < this.#end - length / 2) {
      return undefined;
    }
    const origin = samplePosition(Math.round(Math.max(position, this.#end)));
    this.#run = { origin, rate, config };
    this.#next = 1;
    this.#end = origin + length;
    return { origin, k: 0 };
  }
}
