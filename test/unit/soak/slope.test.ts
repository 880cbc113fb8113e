import { describe, expect, test } from '@jest/globals';
import { floorOf, ground, medianOf, since, slopeOf, type Point } from '../../soak/slope.ts';

const points = (values: readonly number[], step = 1): Point[] =>
  values.map((value, i) => ({ at: i * step, value }));

describe('slopeOf', () => {
  test('is exact for a straight line, whatever the distances', () => {
    const line = [0, 1, 5, 5.5, 20].map((at) => ({ at, value: 3 + 2.5 * at }));
    expect(slopeOf(line)).toBeCloseTo(2.5, 10);
  });

  test('does not follow a fifth of wild readings', () => {
    const noisy = points(Array.from({ length: 50 }, (_, i) => i + (i % 5 === 0 ? 1000 : 0)));
    expect(slopeOf(noisy)).toBeCloseTo(1, 1);
  });

  test('is nothing for one reading or none, and for two at one time', () => {
    expect(slopeOf([])).toBe(0);
    expect(slopeOf(points([7]))).toBe(0);
    expect(
      slopeOf([
        { at: 1, value: 1 },
        { at: 1, value: 2 },
      ]),
    ).toBe(0);
  });
});

describe('floorOf', () => {
  test('sees a leak of 2 MB a minute under a saw of 40 MB, and none where there is none', () => {
    const saw = (leak: number): Point[] =>
      points(
        Array.from({ length: 240 }, (_, i) => 100 + leak * (i / 12) + ((i * 7) % 6) * 8),
        1 / 12,
      );
    expect(slopeOf(floorOf(saw(2), 0.5))).toBeCloseTo(2, 0);
    expect(Math.abs(slopeOf(floorOf(saw(0), 0.5)))).toBeLessThan(0.1);
  });

  test('leaves out a last window that is cut short, unless it is the only one', () => {
    expect(floorOf(points([5, 4, 9, 8, 7]), 2).map(({ value }) => value)).toEqual([4, 8]);
    expect(floorOf(points([5, 4]), 10).map(({ value }) => value)).toEqual([4]);
    expect(floorOf([], 1)).toEqual([]);
  });
});

test('since drops what comes before', () => {
  expect(since(points([1, 2, 3]), 1).map(({ value }) => value)).toEqual([2, 3]);
});

test('ground compares the least of the first and of the last third', () => {
  expect(ground(points([9, 3, 8, 9, 9, 9, 5, 9, 4]))).toEqual({ early: 3, late: 4 });
  expect(ground(points([2]))).toEqual({ early: 2, late: 2 });
});

test('medianOf is the middle, or between the two middles', () => {
  expect(medianOf(points([5, 1, 9]))).toBe(5);
  expect(medianOf(points([5, 1, 9, 6]))).toBe(5.5);
});
