import { describe, expect, test } from '@jest/globals';
import { gridOf } from '#common/grid';
import { ChunkNumbers } from '../../../ingest/raw/chunk-numbers.ts';

const GRID = gridOf('30');
const SEGMENT_TICKS = GRID.frameTicks * GRID.segmentFrames;
const N = 897_738_835;

describe('the raw chunk of a frame', () => {
  test('changes with the first picture of the next segment, and sound goes with the picture', () => {
    const chunks = new ChunkNumbers(GRID);
    expect(chunks.ofPicture(N * SEGMENT_TICKS)).toBe(N);
    expect(chunks.ofPicture((N + 1) * SEGMENT_TICKS - 1)).toBe(N);
    expect(chunks.ofSound((N + 1) * GRID.segmentSamples + 500)).toBe(N);
    expect(chunks.ofPicture((N + 1) * SEGMENT_TICKS)).toBe(N + 1);
    expect(chunks.ofSound((N + 1) * GRID.segmentSamples - 500)).toBe(N + 1);
  });

  test('goes on by one where a chunk has to begin', () => {
    const chunks = new ChunkNumbers(GRID);
    const position = 1_000 * GRID.segmentSamples;
    expect(chunks.ofSound(position)).toBe(1_000);
    chunks.breakHere();
    expect(chunks.ofSound(position + 1_024)).toBe(1_001);
    expect(chunks.ofPicture(1_000 * GRID.segmentFrames * GRID.frameTicks)).toBe(1_001);
  });

  test('is decided by sound while no picture comes, and never goes back', () => {
    const chunks = new ChunkNumbers(GRID);
    expect(chunks.ofSound(N * GRID.segmentSamples)).toBe(N);
    chunks.ofPicture(N * SEGMENT_TICKS);
    expect(chunks.ofSound((N + 3) * GRID.segmentSamples)).toBe(N + 3);
    expect(chunks.ofPicture((N + 1) * SEGMENT_TICKS)).toBe(N + 3);
    expect(chunks.ofSound((N + 1) * GRID.segmentSamples)).toBe(N + 3);
  });
});
