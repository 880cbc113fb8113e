import { expect, test } from '@jest/globals';
import { Stuck } from '../../../scheduler/leader/stuck.ts';

test('a number is stuck once it has been the next one for fifteen seconds, and then every fifteen', () => {
  const stuck = new Stuck();
  const seen = [0, 5_000, 14_999, 15_000, 16_000, 29_999, 30_000].map((now) => stuck.has(7, now));
  expect(seen).toEqual([false, false, false, true, false, false, true]);
  expect(stuck.has(8, 44_000)).toBe(false);
  expect(stuck.has(8, 58_999)).toBe(false);
  expect(stuck.has(8, 59_000)).toBe(true);
});

test('it is looked for every two seconds', () => {
  const stuck = new Stuck();
  expect([0, 1_999, 2_000, 3_000, 4_000].map((now) => stuck.isLookDue(now))).toEqual([
    ...[true, false, true],
    ...[false, true],
  ]);
});
