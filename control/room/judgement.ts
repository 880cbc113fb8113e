/** Which figures need attention, and where from. Pure. */

/** How a figure is to be read. */
export type Level = 'good' | 'watch' | 'bad' | 'none';

/**
 * Players stay three segments, some six seconds, behind what is listed: a lag up to that is what they were made for,
 * and one that grows by as much again lets their buffers run dry.
 */
const LAG_WATCH_MS = 6_000;
const LAG_BAD_MS = 10_000;

/** Publication lag. */
export function lagLevel(lagMs: number | null): Level {
  if (lagMs === null) {
    return 'none';
  }
  return lagMs < LAG_WATCH_MS ? 'good' : lagMs < LAG_BAD_MS ? 'watch' : 'bad';
}

/** In words, for those who do not see colours. */
export const levelWord = (level: Level): string =>
  ({ good: 'in time', watch: 'late', bad: 'too late', none: 'nothing published yet' })[level];

/** A worker slower than real time cannot carry a channel alone. */
export function speedLevel(speed: number | null): Level {
  if (speed === null) {
    return 'none';
  }
  return speed >= 1.5 ? 'good' : speed >= 1 ? 'watch' : 'bad';
}

/** Below this an edge asks the origin for more than it saves it. */
const HIT_WATCH = 0.8;

/** Fewer requests a second are of a handful of viewers: each object is asked for once, and there is nothing to be saved. */
const FEW_REQUESTS = 10;

/** Hit ratio of an edge that is asked so often a second. */
export function hitLevel(ratio: number | null, requestsPerSecond: number | null): Level {
  if (ratio === null) {
    return 'none';
  }
  if (ratio >= HIT_WATCH) {
    return 'good';
  }
  return (requestsPerSecond ?? 0) < FEW_REQUESTS ? 'none' : 'watch';
}

/** A queue whose oldest job has waited so long is not being worked on in time, milliseconds. */
const JOB_WATCH_MS = 5_000;
const JOB_BAD_MS = 15_000;

/** Age of a queue's oldest job. */
export function ageLevel(oldestMs: number | null): Level {
  if (oldestMs === null) {
    return 'none';
  }
  return oldestMs < JOB_WATCH_MS ? 'good' : oldestMs < JOB_BAD_MS ? 'watch' : 'bad';
}
