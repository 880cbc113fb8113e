/**
 * Who is given frames where not all encoders of a worker keep step: those of the smallest pictures first. Where cores are rationed
 * (a container's limit) niceness does not decide that: an encoder of large pictures that always has frames takes a core for itself,
 * and leaves too little for all others. It takes none while it has no frames. Pure but for waking who waits.
 */

import { Waiters } from './waiters.ts';

/** One that took no frame for so long, milliseconds, hangs, and holds up nobody. */
const HANGS_MS = 1_000;

/** An encoder of the smallest pictures. */
export interface FirstServed {
  /** Whether it lacks more frames than come at once. */
  readonly isBehind: () => boolean;
}

/** See the head of this file. */
export class Turns {
  readonly #now: () => number;
  /** When each took its last frame. */
  readonly #first = new Map<FirstServed, number>();
  readonly #waiters = new Waiters();

  /** @param now real milliseconds from any origin */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** It has all that it is to have, or has taken a frame: it goes before all others until it is gone. */
  took(one: FirstServed): void {
    this.#first.set(one, this.#now());
    this.look();
  }

  /** It needs no more frames. */
  leave(one: FirstServed): void {
    this.#first.delete(one);
    this.look();
  }

  /** Somebody may be behind no longer, or hang. */
  look(): void {
    this.#waiters.wake();
  }

  /**
   * Resolves when none of those that go first is behind, or nobody waits for it any more.
   * @param mayGo whether nobody else is to go before; asked again whenever somebody looks
   */
  async turn(signal: AbortSignal, mayGo: () => boolean = () => true): Promise<void> {
    await this.#waiters.until(() => !this.#isAnyBehind() && mayGo(), signal);
  }

  #isAnyBehind(): boolean {
    const since = this.#now() - HANGS_MS;
    return [...this.#first].some(([one, at]) => at > since && one.isBehind());
  }
}
