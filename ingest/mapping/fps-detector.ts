/** Which rate of the grid's table a feed has. */
import { nearestFps, type FpsName } from '#common/grid';

/** Milliseconds of timestamps that tell 29.97 from 30: rounding to whole ones leaves 0.025 % of error. */
const SPAN_TO_MEASURE = 4000;
/** A set's timing is believed if the timestamps agree as far: encoders get it wrong by a factor of two. */
const AGREES = 0.2;

/** What is known of a feed's frame rate. */
export interface FpsEvidence {
  /** `framerate` of onMetaData. */
  readonly metadata: number | undefined;
  /** Timing of the sequence parameter set. */
  readonly sps: number | undefined;
  /** Presentation times of its first frames, in any order, milliseconds. */
  readonly presentation: readonly number[];
}

/**
 * Frames a second by timestamps: holes are counted as the frames that are missing.
 * @returns undefined with fewer than three different times
 */
export function measureFps(presentation: readonly number[]): number | undefined {
  const times = [...presentation].sort((a, b) => a - b);
  const steps: number[] = [];
  for (let i = 1; i < times.length; i += 1) {
    const step = (times[i] ?? 0) - (times[i - 1] ?? 0);
    if (step > 0) {
      steps.push(step);
    }
  }
  if (steps.length < 2) {
    return undefined;
  }
  const sorted = [...steps].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  let frames = 0;
  for (const step of steps) {
    frames += Math.max(1, Math.round(step / median));
  }
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return (frames * 1000) / span;
}

/**
 * Decides a feed's rate: onMetaData if within 0.05 % of one of the table, else the sequence parameter set, else the
 * timestamps once there are 4 s of them.
 * @param isLast decide by what there is
 * @returns undefined: more timestamps are needed
 */
export function detectFps(evidence: FpsEvidence, isLast = false): FpsName | undefined {
  const declared = evidence.metadata === undefined ? undefined : nearestFps(evidence.metadata);
  if (declared !== undefined) {
    return declared;
  }
  const measured = measureFps(evidence.presentation);
  const timed = evidence.sps === undefined ? undefined : nearestFps(evidence.sps);
  if (
    timed !== undefined &&
    evidence.sps !== undefined &&
    (measured === undefined || Math.abs(measured / evidence.sps - 1) < AGREES)
  ) {
    return timed;
  }
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const time of evidence.presentation) {
    first = Math.min(first, time);
    last = Math.max(last, time);
  }
  if (!isLast && last - first < SPAN_TO_MEASURE) {
    return undefined;
  }
  return nearestFps(measured ?? 30, Number.POSITIVE_INFINITY) ?? '30';
}
