import { describe, expect, test } from '@jest/globals';
import { highestRate, keepsUp } from '../../soak/auto-rate.ts';

describe('keepsUp', () => {
  test('takes steady lateness, not lateness that grows, nor much of it', () => {
    expect(keepsUp([3900, 4100, 3800, 4000, 4200, 3900])).toBe(true);
    expect(keepsUp([3900, 4100, 4800, 5600, 6200, 7000])).toBe(false);
    expect(keepsUp([9000, 9000, 9000, 9000])).toBe(false);
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
      return Promise.resolve(candidate <= 4 ? [4000, 4000] : [4000, 20_000]);
    });
    expect(rate).toBe(4);
    expect(tried).toEqual([1, 2, 3, 4, 5]);
  });

  test('is the lowest when none will do', async () => {
    expect(await highestRate(() => Promise.resolve([]))).toBe(1);
  });
});
