/**
 * Lets work in real time begin one after another, as much of it at once as the machine carries beside whatever else runs
 * on it: the next one begins when enough of the cores has been idle for a while, and one is always let in.
 */
import { watchIdleCores } from '../../scripts/jest/idle-cores.mjs';

/** Cores that a feed with a small ladder needs at its busiest, its encoders' start included, with room for what runs beside it. */
const FEED_CORES = 0.75;
/** So long the machine is watched, and so long a feed takes to show what it costs. */
const WATCH_MS = 3_000;

/** See the head of this file. */
export class FeedGate {
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #most = 0;
  #isWatching = false;

  /** How many ran at once, at most. */
  get most(): number {
    return this.#most;
  }

  /** Runs some work once the machine carries it; whoever asked first is let in first. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#letIn(0);
      void this.#watch();
    });
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#letIn(0);
    }
  }

  /** Lets the first of those who wait in, if so many idle cores are enough, or nobody is in. */
  #letIn(idle: number): void {
    if (this.#running > 0 && idle < FEED_CORES) {
      return;
    }
    const next = this.#waiting.shift();
    if (next !== undefined) {
      this.#running += 1;
      this.#most = Math.max(this.#most, this.#running);
      next();
    }
  }

  async #watch(): Promise<void> {
    if (this.#isWatching) {
      return;
    }
    this.#isWatching = true;
    while (this.#waiting.length > 0) {
      this.#letIn(await watchIdleCores(WATCH_MS));
    }
    this.#isWatching = false;
  }
}
