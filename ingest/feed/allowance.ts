/** A limit on a feed's rate, in bytes or messages, with room for bursts (a token bucket). Pure. */

/** Seconds of the limit that may come at once. */
const BURST_SECONDS = 10;

/** See the head of this file. */
export class Allowance {
  readonly #perMs: number;
  readonly #capacity: number;
  #left: number;
  #at: number | undefined;

  /** @param perSecond what may come in a second for long */
  constructor(perSecond: number) {
    this.#perMs = perSecond / 1000;
    this.#capacity = perSecond * BURST_SECONDS;
    this.#left = this.#capacity;
  }

  /** Takes `amount` at `now` (milliseconds); false if it is too much. */
  take(amount: number, now: number): boolean {
    const passed = Math.max(0, now - (this.#at ?? now));
    this.#at = now;
    this.#left = Math.min(this.#capacity, this.#left + passed * this.#perMs) - amount;
    return this.#left >= 0;
  }
}
