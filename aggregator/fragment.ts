/**
 * Is this fragment what the grid says fragment `k` of segment `n` must be? Each is verified alone, before it is noted or
 * served, because what is published never changes. Pure.
 */
import type { Rendition } from '#common/contracts/rendition';
import { aacFramesOfFragment, fragmentStart, type Division } from '#common/division';
import { PipelineError } from '#common/errors';
import { AAC_FRAME_SAMPLES, SAMPLE_RATE, type Grid } from '#common/grid';
import { boxes, readFragment } from '#common/mp4/read';
import type { SegmentNumber } from '#common/time';
import { timescaleOf, type Expected } from './verify.ts';

/** What the grid says of fragment `k` of segment `n` of a rendition. */
export function expectedOfFragment(
  grid: Grid,
  division: Division,
  kind: Rendition['kind'],
  n: SegmentNumber,
  k: number,
): Expected {
  if (kind === 'video') {
    return {
      timescale: grid.timescale,
      samples: division.fragmentFrames,
      sampleDuration: grid.frameTicks,
      decodeTime: fragmentStart(grid, division, n, k) * grid.frameTicks,
    };
  }
  const { first, end } = aacFramesOfFragment(grid, division, n, k);
  return {
    timescale: SAMPLE_RATE,
    samples: end - first,
    sampleDuration: AAC_FRAME_SAMPLES,
    decodeTime: first * AAC_FRAME_SAMPLES,
  };
}

/** How long part `k` of segment `n` is, seconds. */
export function partSeconds(
  grid: Grid,
  division: Division,
  kind: Rendition['kind'],
  n: SegmentNumber,
  k: number,
): number {
  let ticks = 0;
  let timescale = 1;
  for (let i = 0; i < division.fragmentsOfPart; i += 1) {
    const expected = expectedOfFragment(grid, division, kind, n, k * division.fragmentsOfPart + i);
    ticks += expected.samples * expected.sampleDuration;
    timescale = expected.timescale;
  }
  return ticks / timescale;
}

const bad = (what: string): PipelineError => new PipelineError('BAD_MEDIA', what);

/**
 * Verifies the bytes of one fragment: one `moof` and one `mdat`, nothing else, exactly on the grid.
 * @throws PipelineError `BAD_MEDIA` that says what is wrong
 */
export function verifyFragment(bytes: Uint8Array, expected: Expected): void {
  const types = [...boxes(bytes)].map(({ type }) => type);
  if (types.length !== 2 || types[0] !== 'moof' || types[1] !== 'mdat') {
    throw bad(`boxes ${types.slice(0, 4).join(' ')} are no single fragment`);
  }
  const { decodeTime, sampleCount, durations } = readFragment(bytes);
  if (decodeTime !== expected.decodeTime) {
    throw bad(`begins at ${decodeTime}, not ${expected.decodeTime}`);
  }
  if (sampleCount !== expected.samples) {
    throw bad(`${sampleCount} samples, not ${expected.samples}`);
  }
  if (durations.some((duration) => duration !== expected.sampleDuration)) {
    throw bad(`a sample's duration is not ${expected.sampleDuration}`);
  }
}

/**
 * Verifies a rendition's first init segment; later ones need only be the same.
 * @throws PipelineError `BAD_MEDIA` when its track has another timescale
 */
export function verifyInit(init: Buffer, expected: Expected): void {
  if (timescaleOf(init) !== expected.timescale) {
    throw bad(`init segment has not the timescale ${expected.timescale}`);
  }
}

/**
 * Cuts a rendition's segment into its fragments, without copying.
 * @throws PipelineError `BAD_MEDIA` unless it is that many pairs of `moof` and `mdat`
 */
export function cutFragments(data: Buffer, count: number): Buffer[] {
  const found = [...boxes(data)];
  if (found.length !== 2 * count) {
    throw bad(`${found.length} boxes are not ${count} fragments`);
  }
  return Array.from({ length: count }, (_, k) =>
    data.subarray(found[2 * k]?.start, found[2 * k + 1]?.end),
  );
}
