/**
 * Lets work in real time begin one after another, as much of it at once as the machine carries beside whatever else runs
 * on it: the next one begins when enough of the cores has been idle for a while, and one, or so many, are always let in.
 */
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** So long the machine is watched, unless said otherwise, and so long what has just begun takes to show what it costs. */
const WATCH_MS = 3_000;

/** @typedef {{ readonly idle: number; readonly all: number }} CoreTimes Of all cores together, milliseconds. */

/**
 * This machine's, since it started.
 * @returns {CoreTimes}
 */
export function readCoreTimes() {
  let [idle, all] = [0, 0];
  for (const { times } of os.cpus()) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { idle, all };
}

/**
 * Cores that were idle between two readings.
 * @param {CoreTimes} before
 * @param {CoreTimes} after
 * @param {number} cores
 * @returns {number}
 */
export function idleCores(before, after, cores) {
  const all = after.all - before.all;
  return all <= 0 ? 0 : (cores * (after.idle - before.idle)) / all;
}

/**
 * How many cores are idle, over the next while.
 * @param {number} [watchMs]
 * @returns {Promise<number>}
 */
export async function watchIdleCores(watchMs = WATCH_MS) {
  const before = readCoreTimes();
  await delay(watchMs, undefined, { ref: false });
  return idleCores(before, readCoreTimes(), os.availableParallelism());
}

/** See the head of this file. */
export class MachineGate {
  #cores;
  #watchIdle;
  #always;
  /** @type {{ readonly isAlone: boolean; readonly open: () => void }[]} */
  #waiting = [];
  #inside = 0;
  #most = 0;
  #isClosed = false;
  #isWatching = false;

  /**
   * @param {number} cores idle ones that the next piece of work needs beside those that are in
   * @param {() => Promise<number>} watchIdle resolves to how many are idle, having watched them
   * @param {number} always so many are let in whatever is idle
   */
  constructor(cores, watchIdle = watchIdleCores, always = 1) {
    this.#cores = cores;
    this.#watchIdle = watchIdle;
    this.#always = always;
  }

  /** How many were in at once, at most. */
  get most() {
    return this.#most;
  }

  /**
   * Waits until the machine carries one more; whoever asked first is let in first.
   * @param {{ readonly isAlone?: boolean }} [what] alone: only when nobody is in, and nobody else until it has left
   * @returns {Promise<() => void>} says that it has left; only once, however often it is called
   */
  async enter({ isAlone = false } = {}) {
    await new Promise((resolve) => {
      this.#waiting.push({ isAlone, open: () => resolve(undefined) });
      this.#letIn(0);
      void this.#watch();
    });
    let isInside = true;
    return () => {
      if (isInside) {
        isInside = false;
        this.#inside -= 1;
        this.#isClosed &&= !isAlone;
        this.#letIn(0);
      }
    };
  }

  /**
   * Does a piece of work inside.
   * @template T
   * @param {(leave: () => void) => Promise<T>} work may leave before it is done
   * @returns {Promise<T>}
   */
  async run(work) {
    const leave = await this.enter();
    try {
      return await work(leave);
    } finally {
      leave();
    }
  }

  /**
   * Lets the first of those who wait in, if few are in or so many idle cores are enough.
   * @param {number} idle
   */
  #letIn(idle) {
    const [next] = this.#waiting;
    if (next === undefined) {
      return;
    }
    const isFew = this.#inside < this.#always || idle >= this.#cores;
    const isFree = !this.#isClosed && !next.isAlone && isFew;
    if (this.#inside === 0 || isFree) {
      this.#waiting.shift();
      this.#inside += 1;
      this.#isClosed = next.isAlone;
      this.#most = Math.max(this.#most, this.#inside);
      next.open();
    }
  }

  async #watch() {
    if (this.#isWatching) {
      return;
    }
    this.#isWatching = true;
    while (this.#waiting.length > 0) {
      this.#letIn(await this.#watchIdle());
    }
    this.#isWatching = false;
  }
}
