/**
 * How far a feed's keyframes are apart, by the feed's own clock: a network that stalls does not change what the encoder
 * is set to, and pictures that are missing are no long interval. Pure.
 */

/** Pictures further apart than this are not one run, milliseconds. */
const HOLE = 3000;
const CLOCK = 2 ** 32;

/** Milliseconds from one timestamp of 32 bits to another. */
function difference(from: number, to: number): number {
  const ahead = (((to - from) % CLOCK) + CLOCK) % CLOCK;
  return ahead < CLOCK / 2 ? ahead : ahead - CLOCK;
}

/** See the head of this file. */
export class KeyframeInterval {
  #last: number | undefined;
  /** Since the newest keyframe, or since the first picture of the run. */
  #since = 0;
  /** Whether a keyframe has come in this run. */
  #isFromKeyframe = false;
  #seconds: number | null = null;

  /** Seconds between the last two keyframes of a run. */
  get seconds(): number | null {
    return this.#seconds;
  }

  /** Seconds since the last keyframe, up to the newest picture. */
  get open(): number {
    return this.#since / 1000;
  }

  /** The pictures before this moment could not be decoded: they do not count. */
  restart(): void {
    this.#since = 0;
    this.#isFromKeyframe = false;
  }

  /** A picture. @param timestamp milliseconds of the feed's clock, 32 bits */
  add(timestamp: number, isKeyframe: boolean): void {
    const step = this.#last === undefined ? 0 : difference(this.#last, timestamp);
    this.#last = timestamp;
    if (step < 0 || step > HOLE) {
      this.restart();
    } else {
      this.#since += step;
    }
    if (isKeyframe) {
      this.#seconds = this.#isFromKeyframe ? this.#since / 1000 : this.#seconds;
      this.#since = 0;
      this.#isFromKeyframe = true;
    }
  }
}
