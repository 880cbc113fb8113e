/**
 * What services agree on about sound: where a coded frame of a feed lies on the 48 kHz grid, which samples a segment's
 * sound is encoded from, and what must be decoded before them.
 */
import { AAC_FRAME_SAMPLES, SAMPLE_RATE, aacFramesOf, type Grid } from './grid.ts';
import { samplePosition, type SamplePosition, type SegmentNumber } from './time.ts';

/** AAC frames before and after a segment that its encoder is fed, so that joins cannot be heard; two are needed, measured. */
export const CONTEXT_FRAMES = 3;
/** Source frames decoded before the first that is heard: a decoder needs the one before, with margin. */
export const DECODER_LEAD_FRAMES = 3;
/**
 * Decoded samples given to the resampler before the first one used: more than its filter reaches back, so that what
 * it puts out does not depend on where it began.
 */
export const RESAMPLER_LEAD = 512;
/** Source frames decoded besides where sound is resampled: {@link RESAMPLER_LEAD}, from a sample counted from the run's origin. */
export const RESAMPLER_LEAD_FRAMES = 4;

/** The samples `[from, to)` that the sound of segment `n` is encoded from: its AAC frames and their context. */
export function encodedSamplesOf(
  grid: Grid,
  n: SegmentNumber,
): { readonly from: SamplePosition; readonly to: SamplePosition } {
  const { first, end } = aacFramesOf(grid, n);
  return {
    from: samplePosition(AAC_FRAME_SAMPLES * (first - CONTEXT_FRAMES)),
    to: samplePosition(AAC_FRAME_SAMPLES * (end + CONTEXT_FRAMES)),
  };
}

/**
 * Sound must have passed this position before that of segment `n` can be coded: a frame beyond its context, for a
 * decoder gives the end of a frame only with the next one.
 */
export const soundClosedAt = (grid: Grid, n: SegmentNumber): SamplePosition =>
  samplePosition(encodedSamplesOf(grid, n).to + AAC_FRAME_SAMPLES);

/** 48 kHz position, rounded down, of a source sample of a run that begins at `origin`. */
export const positionInRun = (
  origin: SamplePosition,
  rate: number,
  sourceSample: number,
): SamplePosition => samplePosition(origin + Math.floor((sourceSample * SAMPLE_RATE) / rate));

/** The AAC frame of a run that holds a 48 kHz position. */
export const frameInRun = (
  origin: SamplePosition,
  rate: number,
  position: SamplePosition,
): number => Math.floor(((position - origin) * rate) / (SAMPLE_RATE * AAC_FRAME_SAMPLES));

/** The AAC frame of a run with which decoding begins for sound from a position on; the run may begin later. */
export const decodedFrom = (
  origin: SamplePosition,
  rate: number,
  position: SamplePosition,
): number =>
  frameInRun(origin, rate, position) -
  DECODER_LEAD_FRAMES -
  (rate === SAMPLE_RATE ? 0 : RESAMPLER_LEAD_FRAMES);
