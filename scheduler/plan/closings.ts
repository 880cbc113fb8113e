/**
 * Where a broadcast's places may be closed: at the ends of its profile's fragments, in `standard` those of its segments.
 * Each list is of what is still open of one segment, in order, so one mark closes no more than the rest of a segment.
 */
import { aacFramesOfFragment, divisionOf, fragmentStart, type Division } from '#common/division';
import { AAC_FRAME_SAMPLES, firstFrame, gridOf, segmentOfFrame, type Grid } from '#common/grid';
import { encodedSamplesOf, soundClosedAt } from '#common/sound-grid';
import {
  frameIndex,
  greatest,
  samplePosition,
  segmentNumber,
  type FrameIndex,
  type SamplePosition,
  type SegmentNumber,
} from '#common/time';
import type { AirState } from './state.ts';

/**
 * How far beyond a fragment's last AAC frame sound must have come for it to leave the encoder: two frames that the encoder
 * looks ahead, and the one with which a decoder gives the end of the one before.
 */
const FRAGMENT_SOUND_AHEAD = 3;

/** The first frame of which nothing is closed. */
export const picturesClosedTo = ({ broadcast, fps, closed }: AirState): FrameIndex =>
  greatest(closed.frame, firstFrame(gridOf(fps), broadcast));

/** The first 48 kHz position of which nothing is closed: at first the beginning of the first segment's context. */
export const soundClosedTo = ({ broadcast, fps, closed }: AirState): SamplePosition =>
  greatest(closed.sample, encodedSamplesOf(gridOf(fps), broadcast).from);

/** The ends of the open fragments of the next segment whose picture is to be closed. */
export function pictureClosings(air: AirState): readonly FrameIndex[] {
  const grid = gridOf(air.fps);
  const division = divisionOf(grid, air.profile);
  const ends = Array.from({ length: division.fragments }, (_, k) =>
    fragmentStart(grid, division, air.next.picture, k + 1),
  );
  return ends.filter((end) => end > air.closed.frame);
}

/** Sound is closed up to `sample`; `frame` is where the pictures of the same fragment end. */
export interface SoundClosing {
  readonly sample: SamplePosition;
  readonly frame: FrameIndex;
}

/**
 * Likewise for sound. In a low-latency profile what the encoder needs of the next segment is closed with that one's first
 * fragment.
 */
export function soundClosings(air: AirState): readonly SoundClosing[] {
  const n = air.next.sound;
  const all =
    air.profile === 'standard'
      ? [wholeSegment(air, n)]
      : [...fragments(air, n), ...fragments(air, segmentNumber(n + 1)).slice(0, 1)];
  return all.filter(({ sample }) => sample > air.closed.sample);
}

/** Closes all that the sound of segment `n` is coded from. */
export function wholeSegment({ fps }: AirState, n: SegmentNumber): SoundClosing {
  const grid = gridOf(fps);
  return {
    sample: soundClosedAt(grid, n),
    frame: firstFrame(grid, segmentNumber(n + 1)),
  };
}

function fragments({ fps, profile }: AirState, n: SegmentNumber): readonly SoundClosing[] {
  const grid = gridOf(fps);
  const division = divisionOf(grid, profile);
  return Array.from({ length: division.fragments }, (_, k) => ({
    sample: soundOfFragment(grid, division, n, k),
    frame: fragmentStart(grid, division, n, k + 1),
  }));
}

/** How far sound must be closed for the AAC frames of fragment `k` to leave the encoder. */
export function soundOfFragment(
  grid: Grid,
  division: Division,
  n: SegmentNumber,
  k: number,
): SamplePosition {
  const { end } = aacFramesOfFragment(grid, division, n, k);
  return samplePosition(AAC_FRAME_SAMPLES * (end + FRAGMENT_SOUND_AHEAD));
}

/** The last segment of which something is closed: it may be on its way to viewers already. */
export function lastBegun(air: AirState): SegmentNumber {
  const pictures = segmentOfFrame(gridOf(air.fps), frameIndex(air.closed.frame - 1));
  const first = soundClosings({ ...air, closed: { ...air.closed, sample: samplePosition(0) } })[0];
  const isSoundBegun = first !== undefined && air.closed.sample >= first.sample;
  const sound = isSoundBegun ? air.next.sound : segmentNumber(air.next.sound - 1);
  return greatest(air.broadcast, pictures, sound);
}
