import { describe, expect, test } from '@jest/globals';
import { PROFILES } from '#common/contracts/channel';
import { aacFramesOfFragment, divisionOf, fragmentStart } from '#common/division';
import { FPS_NAMES, aacFramesOf, firstFrame, gridOf } from '#common/grid';
import { segmentNumber } from '#common/time';

/** Around today, where products of positions pass 2^53. */
const N = segmentNumber(897_000_123);

describe.each(FPS_NAMES)('a segment at %s', (fps) => {
  const grid = gridOf(fps);

  test.each(PROFILES)('in %s is whole parts of whole fragments', (profile) => {
    const division = divisionOf(grid, profile);
    expect(division.parts * division.partFrames).toBe(grid.segmentFrames);
    expect(division.fragments * division.fragmentFrames).toBe(grid.segmentFrames);
    expect(division.fragmentsOfPart * division.fragmentFrames).toBe(division.partFrames);
    expect(division.fragments).toBe(division.parts * division.fragmentsOfPart);
    expect(fragmentStart(grid, division, N, division.fragments)).toBe(
      firstFrame(grid, segmentNumber(N + 1)),
    );
  });

  test.each(PROFILES)('in %s has its sound in fragments that follow one another', (profile) => {
    const division = divisionOf(grid, profile);
    const { first, end } = aacFramesOf(grid, N);
    let at: number = first;
    for (let k = 0; k < division.fragments; k += 1) {
      const fragment = aacFramesOfFragment(grid, division, N, k);
      expect(fragment.first).toBe(at);
      expect(fragment.end).toBeGreaterThan(fragment.first);
      at = fragment.end;
    }
    expect(at).toBe(end);
  });
});
