/**
 * Which rate of the grid's table a feed has. Its timestamps decide; what metadata and parameter sets declare only tells
 * apart what timestamps cannot: 29.97 from 30. Encoders declare rates they do not send, mostly twice or half of it.
 */
import { FPS_NAMES, gridOf, nearestFps, type FpsName } from '#common/grid';

/** Milliseconds of timestamps by which a declared rate is judged. */
const SPAN_TO_JUDGE = 700;
/** Milliseconds of timestamps that tell 29.97 from 30: rounding to whole ones leaves 0.025 % of error. */
const SPAN_TO_MEASURE = 4000;
/** How far a rate measured in a second may be off by rounding and jitter. Half of what lies between 24 and 25. */
const AGREES = 0.02;
/** Below so many frames a second most are missing (keyframes alone, a stalled encoder), and timestamps tell no rate. */
const SLOWEST = 4.5;
/** Most times that a source's frame is shown, for a source slower than every grid. */
const MOST_REPEATED = 5;

/** What is known of a feed's frame rate. */
export interface FpsEvidence {
  /** `framerate` of onMetaData. */
  readonly metadata: number | undefined;
  /** Timing of the sequence parameter set. */
  readonly sps: number | undefined;
  /** Presentation times of its first frames, in any order, milliseconds. */
  readonly presentation: readonly number[];
  /** Its frames are two fields each, a field's time apart. */
  readonly isInterlaced: boolean;
}

/** A line through frames' numbers and times: when number 0 is, and milliseconds from each to the next. */
interface Pace {
  readonly start: number;
  readonly period: number;
}

/** How far the expected time follows each frame's own: rounding must not add up to missing frames. */
const FOLLOW = 0.3;
/** Steps that mostly lie further off the median, as a part of it, do not tell where frames are missing. */
const JITTERED = 0.15;

/** Numbers of frames by their times in order: each where it is expected, or as many further as are missing. */
function numberFrames(times: readonly number[], period: number): number[] {
  let number = 0;
  let expected = times[0] ?? 0;
  return times.map((time) => {
    const skipped = Math.round((time - expected) / period);
    number += skipped;
    expected += skipped * period;
    expected += FOLLOW * (time - expected);
    return number;
  });
}

/** Least squares. */
function paceOf(numbers: readonly number[], times: readonly number[]): Pace {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanTime = mean(times);
  const meanNumber = mean(numbers);
  let covariance = 0;
  let variance = 0;
  times.forEach((time, i) => {
    const number = (numbers[i] ?? 0) - meanNumber;
    covariance += number * (time - meanTime);
    variance += number * number;
  });
  const period = covariance / variance;
  return { start: meanTime - meanNumber * period, period };
}

const medianOf = (values: readonly number[]): number | undefined =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/**
 * Frames a second by timestamps. Holes are counted as the frames that are missing, unless jitter hides them.
 * @returns undefined with fewer than three different times
 */
export function measureFps(presentation: readonly number[]): number | undefined {
  const all = presentation.toSorted((a, b) => a - b);
  const times = [...new Set(all)];
  const steps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
  const step = medianOf(steps);
  if (step === undefined || steps.length < 2) {
    return undefined;
  }
  const spread = medianOf(steps.map((other) => Math.abs(other - step))) ?? 0;
  if (spread > JITTERED * step) {
    return 1000 / paceOf([...all.keys()], all).period;
  }
  const rough = paceOf(numberFrames(times, step), times);
  const numbers = times.map((time) => Math.round((time - rough.start) / rough.period));
  return 1000 / paceOf(numbers, times).period;
}

/** Rates of the table at which each picture of a source is shown equally often. */
interface Fitting {
  /** How often. */
  readonly times: number;
  /** One, or two that differ by 1000/1001. */
  readonly names: readonly FpsName[];
}

function fittingRates(fps: number): Fitting | undefined {
  for (let times = 1; times <= MOST_REPEATED; times += 1) {
    const names = FPS_NAMES.filter((name) => {
      const { num, den } = gridOf(name);
      return Math.abs((fps * times * den) / num - 1) < AGREES;
    });
    if (names.length > 0) {
      return { times, names };
    }
  }
  return undefined;
}

/**
 * Decides a feed's rate. Of interlaced frames the fields count, if there is a grid for them; a source slower than the
 * grids gets one at which its pictures are repeated evenly.
 * @param isLast decide by what there is
 * @returns undefined: more timestamps are needed
 */
export function detectFps(evidence: FpsEvidence, isLast = false): FpsName | undefined {
  const { presentation, isInterlaced } = evidence;
  const declared = [evidence.metadata, evidence.sps].filter((fps) => fps !== undefined);
  const span = spanOf(presentation);
  const measured = span < SPAN_TO_JUDGE && !isLast ? undefined : measureFps(presentation);
  if (measured === undefined) {
    return isLast ? (declaredAlone(declared, isInterlaced) ?? '30') : undefined;
  }
  if (measured < SLOWEST) {
    const name = declaredAlone(declared, isInterlaced);
    if (name !== undefined) {
      return name;
    }
  }
  const fields = isInterlaced ? fittingRates(2 * measured) : undefined;
  const fitting = fields ?? fittingRates(measured);
  const perFrame = fields === undefined ? 1 : 2;
  if (fitting !== undefined) {
    const name = declared
      .map((fps) => declaredOf(fitting, fps, measured, perFrame))
      .find((found) => found !== undefined);
    const only = fitting.names.length === 1 ? fitting.names[0] : undefined;
    if (name !== undefined || only !== undefined) {
      return name ?? only;
    }
  }
  if (!isLast && span < SPAN_TO_MEASURE) {
    return undefined;
  }
  return nearestFps(measured * perFrame * (fitting?.times ?? 1), Number.POSITIVE_INFINITY) ?? '30';
}

/**
 * Frames a second that a feed has: exactly a rate of the table, or an even part of one, if it is known to have that; else
 * as measured.
 * @returns undefined if its timestamps do not tell yet
 */
export function sourceFps(evidence: FpsEvidence): number | undefined {
  const measured = measureFps(evidence.presentation);
  const name = detectFps(evidence);
  if (measured === undefined) {
    return undefined;
  }
  if (name === undefined) {
    return fittingRates(measured) === undefined ? measured : undefined;
  }
  const { num, den } = gridOf(name);
  const times = Math.max(1, Math.round(num / den / measured));
  const exact = num / den / times;
  return Math.abs(measured / exact - 1) < AGREES ? exact : measured;
}

function spanOf(presentation: readonly number[]): number {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const time of presentation) {
    first = Math.min(first, time);
    last = Math.max(last, time);
  }
  return last - first;
}

/** The rate that a declared one names, if the timestamps agree with it. Of interlaced frames it may count the fields. */
function declaredOf(
  { times, names }: Fitting,
  declared: number,
  measured: number,
  perFrame: number,
): FpsName | undefined {
  const frames = [declared, declared / perFrame].find(
    (fps) => Math.abs(fps / measured - 1) < AGREES,
  );
  const name = frames === undefined ? undefined : nearestFps(frames * perFrame * times);
  return name !== undefined && names.includes(name) ? name : undefined;
}

/** The first rate declared that is of the table, where timestamps say nothing. */
function declaredAlone(declared: readonly number[], isInterlaced: boolean): FpsName | undefined {
  for (const fps of declared) {
    const name = (isInterlaced ? nearestFps(2 * fps) : undefined) ?? nearestFps(fps);
    if (name !== undefined) {
      return name;
    }
  }
  return undefined;
}
