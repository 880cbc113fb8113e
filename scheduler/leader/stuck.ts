/**
 * Notices a broadcast that stands still although its tasks are done: the next number to publish has stayed the same for
 * longer than the origin itself waits for bytes. Pure; times are the clock's.
 */

/** Between looks, and how long a number may be the next one, milliseconds. */
const LOOK_EVERY = 2_000;
const PATIENCE = 15_000;

/** See the head of this file. */
export class Stuck {
  #lookedAt = Number.NEGATIVE_INFINITY;
  #next: number | undefined;
  #since = 0;

  /** When it is time to look again. */
  get lookDueAt(): number {
    return this.#lookedAt + LOOK_EVERY;
  }

  /** Whether it is time to look again. */
  isLookDue(now: number): boolean {
    const isDue = now >= this.lookDueAt;
    if (isDue) {
      this.#lookedAt = now;
    }
    return isDue;
  }

  /** Whether `next` has waited for too long; then its time begins anew. */
  has(next: number, now: number): boolean {
    if (next !== this.#next) {
      this.#next = next;
      this.#since = now;
    }
    const isStuck = now - this.#since >= PATIENCE;
    if (isStuck) {
      this.#since = now;
    }
    return isStuck;
  }
}
