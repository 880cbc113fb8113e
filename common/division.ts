/**
 * How a segment is divided in a profile (DESIGN §1): into fragments of `F` frames, each one `moof` and `mdat` that leaves
 * the worker when its last frame is encoded, and into parts of `P` frames, which HLS lists. `F` divides `P`, `P` divides
 * `G`. In `standard` all of them are the whole segment.
 */
import type { Profile } from './contracts/channel.ts';
import { AAC_FRAME_SAMPLES, firstFrame, type FpsName, type Grid } from './grid.ts';
import {
  aacFrameIndex,
  frameIndex,
  type AacFrameIndex,
  type FrameIndex,
  type SegmentNumber,
} from './time.ts';

/** See the head of this file. */
export interface Division {
  /** Frames in a fragment, `F`, and fragments in a segment. */
  readonly fragmentFrames: number;
  readonly fragments: number;
  /** Frames in a part, `P`, parts in a segment, and fragments in a part. */
  readonly partFrames: number;
  readonly parts: number;
  readonly fragmentsOfPart: number;
}

/** `P` and `F` of a low-latency profile. */
interface Frames {
  readonly part: number;
  readonly fragment: number;
}

const FRAMES: Readonly<Record<FpsName, Readonly<Record<Exclude<Profile, 'standard'>, Frames>>>> = {
  '24': { low: { part: 8, fragment: 8 }, instant: { part: 4, fragment: 1 } },
  '24000/1001': { low: { part: 8, fragment: 8 }, instant: { part: 4, fragment: 1 } },
  '25': { low: { part: 10, fragment: 10 }, instant: { part: 5, fragment: 1 } },
  '30': { low: { part: 10, fragment: 10 }, instant: { part: 6, fragment: 1 } },
  '30000/1001': { low: { part: 10, fragment: 10 }, instant: { part: 6, fragment: 1 } },
  '50': { low: { part: 20, fragment: 20 }, instant: { part: 10, fragment: 2 } },
  '60': { low: { part: 20, fragment: 20 }, instant: { part: 12, fragment: 2 } },
  '60000/1001': { low: { part: 20, fragment: 20 }, instant: { part: 12, fragment: 2 } },
};

/** The division of a grid's segments in a profile. */
export function divisionOf(grid: Grid, profile: Profile): Division {
  const { segmentFrames } = grid;
  const { part, fragment } =
    profile === 'standard'
      ? { part: segmentFrames, fragment: segmentFrames }
      : FRAMES[grid.name][profile];
  return {
    fragmentFrames: fragment,
    fragments: segmentFrames / fragment,
    partFrames: part,
    parts: segmentFrames / part,
    fragmentsOfPart: part / fragment,
  };
}

/** The frame at which fragment `k` of segment `n` begins; `k` may be the number of fragments: the segment's end. */
export const fragmentStart = (
  grid: Grid,
  { fragmentFrames }: Division,
  n: SegmentNumber,
  k: number,
): FrameIndex => frameIndex(firstFrame(grid, n) + k * fragmentFrames);

/** The first AAC frame that starts at or after a frame `inside` frames into segment `n`; exact. */
function aacFrameFrom(grid: Grid, n: SegmentNumber, inside: number): AacFrameIndex {
  const { segmentSamples, segmentFrames } = grid;
  const begin = n * segmentSamples;
  const whole = Math.floor(begin / AAC_FRAME_SAMPLES);
  const rest = begin - whole * AAC_FRAME_SAMPLES;
  // The product with an absolute position would pass 2^53.
  const samples = rest * segmentFrames + inside * segmentSamples;
  return aacFrameIndex(whole + Math.ceil(samples / (AAC_FRAME_SAMPLES * segmentFrames)));
}

/** The AAC frames `[first, end)` that start inside fragment `k` of segment `n`: one at least. */
export const aacFramesOfFragment = (
  grid: Grid,
  { fragmentFrames }: Division,
  n: SegmentNumber,
  k: number,
): { readonly first: AacFrameIndex; readonly end: AacFrameIndex } => ({
  first: aacFrameFrom(grid, n, k * fragmentFrames),
  end: aacFrameFrom(grid, n, (k + 1) * fragmentFrames),
});
