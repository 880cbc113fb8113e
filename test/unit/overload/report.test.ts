import { expect, test } from '@jest/globals';
import type { Shed } from '#common/contracts/shed';
import { milliseconds, segmentNumber } from '#common/time';
import { bestLags, summaryOf, unjustOf } from '../../overload/report.ts';

const shed = (at: number, withheld: string[]): Shed => ({
  from: segmentNumber(at),
  withheld,
  at: milliseconds(at),
  reason: 'late',
  lateMs: 900,
  lateChannel: 'a',
});

test('of each look the picture that is best off counts, and none that is withheld', () => {
  const look = (at: number, rendition: string, lag?: number) => ({
    channel: 'a',
    rendition,
    at,
    lag,
  });
  const looks = [look(1, 'v720', 3), look(1, 'v240', 1), look(2, 'v720'), look(2, 'v240', 2)];
  expect(bestLags(looks)).toEqual([1, 2]);
  expect(summaryOf([3, 1, 2], 2)).toEqual({ p50: 2, p95: 2, worst: 3, inTime: 2 / 3 });
});

test('nobody gives something up while a less important channel has more than its last picture', () => {
  const important = { channel: 'a', sheds: [shed(2_000, ['v720'])] };
  const all = { channel: 'b', sheds: [shed(2_100, ['v720', 'v240'])] };
  const some = { channel: 'b', sheds: [shed(1_000, ['v720'])] };
  const nothing = { channel: 'b', sheds: [] };
  expect(unjustOf([important, all], 3)).toEqual([]);
  expect(unjustOf([important, some], 3)).toHaveLength(1);
  expect(unjustOf([important, nothing], 3)).toHaveLength(1);
  expect(unjustOf([nothing, all], 3)).toEqual([]);
});
