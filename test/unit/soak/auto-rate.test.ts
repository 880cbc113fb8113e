import { describe, expect, test } from '@jest/globals';
import { highestRate, keepsUp } from '../../soak/auto-rate.ts';

describe('keepsUp', () => {
  test('takes steady lateness, not lateness that grows, nor much of it', () => {
    expect(keepsUp([2900, 3100, 2800, 3000, 3200, 2900])).toBe(true);
    expect(keepsUp([1900, 2000, 2200, 3100, 3600, 3900])).toBe(false);
    expect(keepsUp([5000, 5000, 5000, 5000])).toBe(false);
  });

  test('does not take silence', () => {
    expect(keepsUp([])).toBe(false);
    expect(keepsUp([Infinity, Infinity, Infinity])).toBe(false);
  });
});

describe('highestRate', () => {
  test('is the last one before the first that is too high', async () => {
    const tried: number[] = [];
    const rate = await highestRate((candidate) => {
      tried.push(candidate);
      return Promise.resolve(candidate <= 4 ? [3000, 3000] : [3000, 20_000]);
    });
    expect(rate).toBe(4);
    expect(tried).toEqual([1, 2, 3, 4, 5]);
  });

  test('is the lowest when none will do', async () => {
    expect(await highestRate(() => Promise.resolve([]))).toBe(1);
  });
});
