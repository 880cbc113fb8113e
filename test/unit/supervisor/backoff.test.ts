import { describe, expect, test } from '@jest/globals';
import { createBackoff } from '../../../supervisor/backoff.ts';

describe('backoff', () => {
  test('doubles with each end in a row, up to half a minute', () => {
    const backoff = createBackoff();
    const delays = Array.from({ length: 20 }, () => backoff.delayAfter(10));
    expect(delays.slice(0, 4)).toEqual([250, 500, 1_000, 2_000]);
    expect(Math.max(...delays)).toBe(30_000);
    expect(delays.at(-1)).toBe(30_000);
  });

  test('begins with another delay where that is asked for', () => {
    const backoff = createBackoff();
    expect(backoff.delayAfter(3_000, 2_000)).toBe(2_000);
    expect(backoff.delayAfter(10, 2_000)).toBe(4_000);
  });

  test('starts anew after three healthy seconds', () => {
    const backoff = createBackoff();
    backoff.delayAfter(10);
    backoff.delayAfter(10);
    expect(backoff.delayAfter(2_999)).toBe(1_000);
    expect(backoff.delayAfter(3_000)).toBe(250);
    expect(backoff.delayAfter(10)).toBe(500);
  });
});
