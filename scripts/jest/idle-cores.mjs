/** How much of this machine is idle, whoever uses the rest. */
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Times of all cores together, milliseconds since the machine started.
 * @typedef {{ readonly idle: number, readonly all: number }} CoreTimes
 */

/**
 * Reads this machine's.
 * @returns {CoreTimes}
 */
function readCoreTimes() {
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
export function idleBetween(before, after, cores) {
  const all = after.all - before.all;
  return all <= 0 ? 0 : (cores * (after.idle - before.idle)) / all;
}

/**
 * Watches the machine for a while.
 * @param {number} watchMs
 * @returns {Promise<number>} cores that were idle meanwhile
 */
export async function watchIdleCores(watchMs) {
  const before = readCoreTimes();
  await delay(watchMs, undefined, { ref: false });
  return idleBetween(before, readCoreTimes(), os.availableParallelism());
}
