/**
 * The grid: every channel's places for frames, segments and sound, counted from the Unix epoch.
 *
 * Segment `n` covers frames `[n·G, (n+1)·G)` for every rendition, worker and restart, for ever. At all eight
 * rates a segment is a whole number of 48 kHz samples (96,000 or 96,096), so every product below stays under
 * 2^53 and is exact for any date this century.
 */
import {
  aacFrameIndex,
  frameIndex,
  milliseconds,
  samplePosition,
  segmentNumber,
  type AacFrameIndex,
  type FrameIndex,
  type Milliseconds,
  type SamplePosition,
  type SegmentNumber,
} from './time.ts';

/** The frame rates a channel can have, as written in the API and in settings. */
export const FPS_NAMES = [
  '24',
  '24000/1001',
  '25',
  '30',
  '30000/1001',
  '50',
  '60',
  '60000/1001',
] as const;
/** A frame rate of the table. */
export type FpsName = (typeof FPS_NAMES)[number];

/** Sample rate of every output and of every sample position. */
export const SAMPLE_RATE = 48_000;
/** Samples in one AAC-LC frame (ISO/IEC 14496-3 §4.5.1.1). */
export const AAC_FRAME_SAMPLES = 1024;

/** A channel's grid: its frame rate as `num/den` frames a second and what follows from it. */
export interface Grid {
  readonly name: FpsName;
  readonly num: number;
  readonly den: number;
  /** Frames in a segment, `G`. */
  readonly segmentFrames: number;
  /** Ticks a second of video tracks: a whole multiple of `num`. */
  readonly timescale: number;
  /** Ticks in one frame. */
  readonly frameTicks: number;
  /** 48 kHz samples in a segment, exact. */
  readonly segmentSamples: number;
}

const SEGMENT_FRAMES: Readonly<Record<FpsName, number>> = {
  '24': 48,
  '24000/1001': 48,
  '25': 50,
  '30': 60,
  '30000/1001': 60,
  '50': 100,
  '60': 120,
  '60000/1001': 120,
};

function makeGrid(name: FpsName): Grid {
  const [num = 0, den = 1] = name.split('/').map(Number);
  const segmentFrames = SEGMENT_FRAMES[name];
  const timescale = den === 1 ? 90_000 : num;
  return Object.freeze({
    name,
    num,
    den,
    segmentFrames,
    timescale,
    frameTicks: (timescale * den) / num,
    segmentSamples: (SAMPLE_RATE * segmentFrames * den) / num,
  });
}

const GRIDS = new Map<FpsName, Grid>(FPS_NAMES.map((name) => [name, makeGrid(name)]));

/** The grid of a frame rate. */
export function gridOf(name: FpsName): Grid {
  const grid = GRIDS.get(name);
  if (grid === undefined) {
    throw new RangeError(`no grid for frame rate ${name}`);
  }
  return grid;
}

/**
 * The table's rate nearest to a measured or declared one.
 * @param fps frames a second
 * @param tolerance largest relative difference; 0.0005 tells 29.97 from 30
 * @returns the rate's name, or undefined if none is that near
 */
export function nearestFps(fps: number, tolerance = 0.0005): FpsName | undefined {
  let best: { name: FpsName; error: number } | undefined;
  for (const grid of GRIDS.values()) {
    const error = Math.abs((fps * grid.den) / grid.num - 1);
    if (error <= tolerance && (best === undefined || error < best.error)) {
      best = { name: grid.name, error };
    }
  }
  return best?.name;
}

/** Wall-clock time at which a frame's place begins. */
export const timeOfFrame = (grid: Grid, frame: FrameIndex): Milliseconds =>
  milliseconds((frame * grid.den * 1000) / grid.num);

/** Where a wall-clock time falls among the frames, as a fraction: 10.5 is the middle of frame 10's place. */
export const placeOfTime = (grid: Grid, time: Milliseconds): number =>
  (time * grid.num) / (grid.den * 1000);

/** Duration of one segment in seconds. */
export const segmentSeconds = (grid: Grid): number => grid.segmentSamples / SAMPLE_RATE;

/** The segment whose place holds a frame. */
export const segmentOfFrame = (grid: Grid, frame: FrameIndex): SegmentNumber =>
  segmentNumber(Math.floor(frame / grid.segmentFrames));

/** The segment whose place holds a 48 kHz position. */
export const segmentOfSample = (grid: Grid, sample: SamplePosition): SegmentNumber =>
  segmentNumber(Math.floor(sample / grid.segmentSamples));

/** The first whole segment at or after a frame. */
export const firstWholeSegment = (grid: Grid, frame: FrameIndex): SegmentNumber =>
  segmentNumber(Math.ceil(frame / grid.segmentFrames));

/** First frame of a segment, `n·G`. */
export const firstFrame = (grid: Grid, n: SegmentNumber): FrameIndex =>
  frameIndex(n * grid.segmentFrames);

/** Wall-clock time at which a segment begins. */
export const timeOfSegment = (grid: Grid, n: SegmentNumber): Milliseconds =>
  milliseconds((n * grid.segmentSamples * 1000) / SAMPLE_RATE);

/** The segment in which a wall-clock time falls. */
export const segmentOfTime = (grid: Grid, time: Milliseconds): SegmentNumber =>
  segmentNumber(Math.floor((time * SAMPLE_RATE) / (grid.segmentSamples * 1000)));

/** First sample of a segment. */
export const firstSample = (grid: Grid, n: SegmentNumber): SamplePosition =>
  samplePosition(n * grid.segmentSamples);

/** The first sample at or after the beginning of a frame's place. */
export const sampleOfFrame = (grid: Grid, frame: FrameIndex): SamplePosition => {
  const n = segmentOfFrame(grid, frame);
  const inside = frame - n * grid.segmentFrames;
  return samplePosition(
    n * grid.segmentSamples + Math.ceil((inside * grid.segmentSamples) / grid.segmentFrames),
  );
};

/** Wall-clock time of a 48 kHz position. */
export const timeOfSample = (sample: SamplePosition): Milliseconds =>
  milliseconds((sample * 1000) / SAMPLE_RATE);

/** The AAC frames `[first, end)` that start inside segment `n`. */
export function aacFramesOf(
  grid: Grid,
  n: SegmentNumber,
): { readonly first: AacFrameIndex; readonly end: AacFrameIndex } {
  const at = (segment: number): AacFrameIndex =>
    aacFrameIndex(Math.ceil((segment * grid.segmentSamples) / AAC_FRAME_SAMPLES));
  return { first: at(n), end: at(n + 1) };
}
