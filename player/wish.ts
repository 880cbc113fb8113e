/**
 * Where the viewer wants to be while the element is not there yet: an engine that must fetch first moves it later, and steps
 * in quick succession are to count from where the last one leads. Pure; seconds of media, milliseconds of the clock.
 */

/** A wish that the element has not followed for so long is given up: the engine has gone elsewhere. */
const LASTS_MS = 5_000;
/** Engines may go a little beside what was asked for, seconds. */
const BESIDE = 1.5;

/** See the head of this file. */
export class Wish {
  readonly #now: () => number;
  #wished: { readonly time: number; readonly at: number } | undefined;

  /** @param now the clock */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The engine was asked to go there. */
  ask(time: number): void {
    this.#wished = { time, at: this.#now() };
  }

  /** The element has gone somewhere. */
  arrived(time: number): void {
    if (this.#wished !== undefined && Math.abs(time - this.#wished.time) < BESIDE) {
      this.#wished = undefined;
    }
  }

  /** Where it is to be, or is: from where the next step counts. */
  from(currentTime: number): number {
    if (this.#wished !== undefined && this.#now() - this.#wished.at > LASTS_MS) {
      this.#wished = undefined;
    }
    return this.#wished?.time ?? currentTime;
  }
}
