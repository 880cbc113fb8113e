/**
 * Lets work in real time begin one after another, as much of it at once as the machine carries beside whatever else runs
 * on it: the next one begins when enough of the cores has been idle for a while, and one is always let in.
 */
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** Cores that a feed with a small ladder needs at its busiest, its encoders' start included. */
const FEED_CORES = 0.5;
/** So long the machine is watched, and so long a feed takes to show what it costs. */
const WATCH_MS = 3_000;

/** Times of all cores together, milliseconds since the machine started. */
export interface CoreTimes {
  readonly idle: number;
  readonly all: number;
}

/** Reads this machine's. */
export function readCoreTimes(): CoreTimes {
  let [idle, all] = [0, 0];
  for (const { times } of os.cpus()) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { idle, all };
}

/** Cores that were idle between two readings. */
export function idleCores(before: CoreTimes, after: CoreTimes, cores: number): number {
  const all = after.all - before.all;
  return all <= 0 ? 0 : (cores * (after.idle - before.idle)) / all;
}

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
      const before = readCoreTimes();
      await delay(WATCH_MS, undefined, { ref: false });
      this.#letIn(idleCores(before, readCoreTimes(), os.availableParallelism()));
    }
    this.#isWatching = false;
  }
}
