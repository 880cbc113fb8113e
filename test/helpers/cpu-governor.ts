/**
 * A machine made slow, as its encoders see it: all ffmpeg processes under others together get so many CPU seconds a second, by
 * being stopped and going on in turn. Their services live as before.
 */
import type { Closable } from '#common/lifecycle';
import { TICKS_PER_SECOND, processTree, readProcess } from './process-tree.ts';

/** Milliseconds between looks, and between looks for new processes. */
const LOOK_MS = 20;
const FIND_MS = 200;
/** What is not used is saved up for so long. */
const SAVED_SECONDS = 0.1;

/** The ffmpeg processes under these. */
const encodersUnder = (roots: () => readonly number[]): number[] =>
  roots().flatMap((root) =>
    processTree(root).flatMap(({ pid, name }) => (name === 'ffmpeg' ? [pid] : [])),
  );

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}

/** Adds up what ffmpeg processes use. */
class Meter {
  readonly #roots: () => readonly number[];
  readonly #ticks = new Map<number, number>();
  #foundAt = Number.NEGATIVE_INFINITY;
  #spent = 0;

  constructor(roots: () => readonly number[]) {
    this.#roots = roots;
  }

  get pids(): readonly number[] {
    return [...this.#ticks.keys()];
  }

  /** CPU seconds so far. */
  read(): number {
    const now = performance.now();
    if (now - this.#foundAt > FIND_MS) {
      this.#foundAt = now;
      for (const pid of encodersUnder(this.#roots)) {
        this.#ticks.set(pid, this.#ticks.get(pid) ?? 0);
      }
    }
    for (const [pid, before] of this.#ticks) {
      const ticks = readProcess(pid)?.ownTicks;
      if (ticks === undefined) {
        this.#ticks.delete(pid);
      } else {
        this.#spent += (ticks - before) / TICKS_PER_SECOND;
        this.#ticks.set(pid, ticks);
      }
    }
    return this.#spent;
  }
}

/**
 * How many cores ffmpeg processes use, over a while.
 * @param roots ids of the processes that they are under
 */
export async function measureEncoders(
  roots: () => readonly number[],
  seconds: number,
): Promise<number> {
  const meter = new Meter(roots);
  const before = meter.read();
  const began = performance.now();
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const spent = meter.read() - before;
      const took = (performance.now() - began) / 1000;
      if (took >= seconds) {
        clearInterval(timer);
        resolve(spent / took);
      }
    }, LOOK_MS);
  });
}

/**
 * Lets them have no more than so many cores together, until it is closed.
 * @param roots ids of the processes that they are under
 */
export function governEncoders(roots: () => readonly number[], cores: number): Closable {
  const meter = new Meter(roots);
  let spent = meter.read();
  let at = performance.now();
  let saved = 0;
  let areStopped = false;
  const timer = setInterval(() => {
    const now = performance.now();
    const used = meter.read();
    saved = Math.min(SAVED_SECONDS, saved + (cores * (now - at)) / 1000 - (used - spent));
    [at, spent] = [now, used];
    const mustStop = saved <= 0;
    if (mustStop || areStopped) {
      for (const pid of meter.pids) {
        signal(pid, mustStop ? 'SIGSTOP' : 'SIGCONT');
      }
    }
    areStopped = mustStop;
  }, LOOK_MS);
  return {
    close: () => {
      clearInterval(timer);
      for (const pid of encodersUnder(roots)) {
        signal(pid, 'SIGCONT');
      }
      return Promise.resolve();
    },
  };
}
