import { describe, expect, test } from '@jest/globals';
import { flashOnsets, reportStamps } from '../../helpers/stamp-report.ts';

const times = Array.from({ length: 1000 }, (_, frame) => (frame * 1000) / 30);
const FRAME_MS = 1000 / 30;
const stamps = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + i);

describe('what stamps say about an output', () => {
  test('an unbroken run loses and repeats nothing', () => {
    const report = reportStamps(stamps(40, 120), times, FRAME_MS);
    expect(report).toMatchObject({ repeated: 0, missing: 0, backwards: 0, unreadable: 0 });
    expect(report).toMatchObject({ firstStamp: 40, lastStamp: 159, frames: 120 });
    expect(report.spreadMs).toBeLessThan(0.001);
    expect(report.offsetMs).toBeCloseTo(-40 * FRAME_MS);
  });

  test('a repeated and a lost frame are counted', () => {
    const report = reportStamps([5, 6, 6, 7, 9, 10], times, FRAME_MS);
    expect(report).toMatchObject({ repeated: 1, missing: 1 });
    expect(report.spreadMs).toBeCloseTo(FRAME_MS);
  });

  test('a held last frame is no repetition, and filler without a stamp before the first is not unreadable', () => {
    const report = reportStamps([undefined, 5, 6, 7, 7, 7, 7], times, FRAME_MS);
    expect(report).toMatchObject({ repeated: 0, missing: 0, unreadable: 0, lastStamp: 7 });
  });

  test('the first frame may have been up for a while when the output begins', () => {
    const withGap = times.map((time, frame) => (frame > 5 ? time + 100 : time));
    const report = reportStamps([5, 5, 6, 7, 8], withGap, FRAME_MS);
    expect(report.spreadMs).toBeLessThan(0.001);
  });

  test('frames that go back or cannot be read are counted', () => {
    const report = reportStamps([5, 6, undefined, 8, 7, 9], times, FRAME_MS);
    expect(report).toMatchObject({ unreadable: 1, backwards: 1 });
  });

  test('an output without any stamp has no offset', () => {
    expect(reportStamps([undefined, undefined], times, FRAME_MS)).toMatchObject({
      offsetMs: Number.NaN,
      firstStamp: -1,
      lastStamp: -1,
    });
  });

  test('a flash begins once, and not at the first frame seen', () => {
    expect(flashOnsets([true, false, true, true, false, true])).toEqual([2, 5]);
  });
});
