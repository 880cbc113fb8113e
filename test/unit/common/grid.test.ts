import { describe, expect, test } from '@jest/globals';
import {
  AAC_FRAME_SAMPLES,
  FPS_NAMES,
  SAMPLE_RATE,
  aacFramesOf,
  firstFrame,
  firstSample,
  firstWholeSegment,
  gridOf,
  nearestFps,
  placeOfTime,
  sampleOfFrame,
  segmentOfFrame,
  segmentOfTime,
  timeOfFrame,
  timeOfSegment,
} from '#common/grid';
import { frameIndex, milliseconds, segmentNumber } from '#common/time';

const grids = FPS_NAMES.map((name) => gridOf(name));

describe('the grid', () => {
  test.each(grids)('at $name a segment is a whole number of samples and of ticks', (grid) => {
    expect(Number.isInteger(grid.segmentSamples)).toBe(true);
    expect(Number.isInteger(grid.frameTicks)).toBe(true);
    expect(grid.timescale % grid.num).toBe(0);
    expect(grid.segmentSamples * grid.num).toBe(SAMPLE_RATE * grid.segmentFrames * grid.den);
  });

  test.each(grids)('at $name arithmetic near today is exact', (grid) => {
    const n = segmentNumber(897_500_123);
    const exactTicks = BigInt(n) * BigInt(grid.segmentFrames) * BigInt(grid.frameTicks);
    expect(BigInt(firstFrame(grid, n) * grid.frameTicks)).toBe(exactTicks);
    expect(BigInt(firstSample(grid, n))).toBe(BigInt(n) * BigInt(grid.segmentSamples));
    expect(segmentOfFrame(grid, firstFrame(grid, n))).toBe(n);
    expect(segmentOfFrame(grid, frameIndex(firstFrame(grid, n) - 1))).toBe(n - 1);
    expect(firstWholeSegment(grid, firstFrame(grid, n))).toBe(n);
    expect(firstWholeSegment(grid, frameIndex(firstFrame(grid, n) + 1))).toBe(n + 1);
  });

  test.each(grids)(
    'at $name sound frames of neighbours adjoin and differ by one at most',
    (grid) => {
      const counts = new Set<number>();
      let end: number | undefined;
      for (let n = 897_500_000; n < 897_500_400; n += 1) {
        const frames = aacFramesOf(grid, segmentNumber(n));
        expect(frames.first).toBe(end ?? frames.first);
        expect(frames.first * AAC_FRAME_SAMPLES).toBeGreaterThanOrEqual(n * grid.segmentSamples);
        expect((frames.first - 1) * AAC_FRAME_SAMPLES).toBeLessThan(n * grid.segmentSamples);
        counts.add(frames.end - frames.first);
        end = frames.end;
      }
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    },
  );

  test('time and place are inverse', () => {
    const grid = gridOf('30000/1001');
    const frame = frameIndex(53_850_007_381);
    expect(placeOfTime(grid, milliseconds(timeOfFrame(grid, frame) + 16.6))).toBeCloseTo(
      frame + 0.4975,
      2,
    );
    expect(
      segmentOfTime(grid, milliseconds(timeOfSegment(grid, segmentNumber(897_500_000)) + 1)),
    ).toBe(897_500_000);
  });

  test('the sample of a frame is the first at or after its beginning', () => {
    const grid = gridOf('60000/1001');
    const frame = frameIndex(firstFrame(grid, segmentNumber(897_500_000)) + 7);
    const exact = (BigInt(frame) * 48_000n * 1001n) / 60_000n;
    const isExact = (BigInt(frame) * 48_000n * 1001n) % 60_000n === 0n;
    expect(BigInt(sampleOfFrame(grid, frame))).toBe(isExact ? exact : exact + 1n);
  });

  test('a declared rate finds its place in the table', () => {
    expect(nearestFps(29.97)).toBe('30000/1001');
    expect(nearestFps(30)).toBe('30');
    expect(nearestFps(23.976)).toBe('24000/1001');
    expect(nearestFps(59.94)).toBe('60000/1001');
    expect(nearestFps(27)).toBeUndefined();
    expect(nearestFps(0)).toBeUndefined();
  });
});
