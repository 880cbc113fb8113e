/** A limit on a feed's rate with room for bursts (a token bucket). Pure. */

/** Seconds of the limit that may come at once. */
const BURST_SECONDS = 10;

/** See the head of this file. */
export class ByteAllowance {
  readonly #bytesPerMs: number;
  readonly #capacity: number;
  #left: number;
  #at: number | undefined;

  /** @param bitrate bits a second */
  constructor(bitrate: number) {
    this.#bytesPerMs = bitrate / 8000;
    this.#capacity = (bitrate / 8) * BURST_SECONDS;
    this.#left = this.#capacity;
  }

  /** Takes `bytes` at `now` (milliseconds); false if they are too many. */
  take(bytes: number, now: number): boolean {
    const passed = Math.max(0, now - (this.#at ?? now));
    this.#at = now;
    this.#left = Math.min(this.#capacity, this.#left + passed * this.#bytesPerMs) - bytes;
    return this.#left >= 0;
  }
}
