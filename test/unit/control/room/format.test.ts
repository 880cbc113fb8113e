import { expect, test } from '@jest/globals';
import * as show from '../../../../control/room/format.ts';

test('figures are short, with their unit, and a dash where nothing is known', () => {
  expect([900_400, 6_104_000, 2_345_000_000, 0, null].map(show.formatBitrate)).toEqual([
    '900 kb/s',
    '6.10 Mb/s',
    '2.35 Gb/s',
    '0 kb/s',
    '–',
  ]);
  expect([29.97, null, NaN].map(show.formatFps)).toEqual(['29.97 fps', '–', '–']);
  expect([2_149, 0, undefined].map(show.formatLag)).toEqual(['2.1 s', '0.0 s', '–']);
  expect([616, 2_149, null].map(show.formatDelay)).toEqual(['0.62 s', '2.1 s', '–']);
  expect([897_500_000, null].map(show.formatNumber)).toEqual(['897500000', '–']);
  expect([0.9, 1, null].map(show.formatRatio)).toEqual(['90.0 %', '100.0 %', '–']);
  expect([3.24, 250.4].map(show.formatRate)).toEqual(['3.2/s', '250/s']);
  expect([1.649].map(show.formatSpeed)).toEqual(['1.6×']);
  expect(show.formatCount(12_345)).toBe('12,345');
  expect([show.formatSize(1280, 720), show.formatSize(0, 0)]).toEqual(['1280×720', '–']);
});

test('durations count up without jumps; ages get coarser', () => {
  expect([0, 59_999, 60_000, 3_723_000, -5].map(show.formatDuration)).toEqual([
    '0:00',
    '0:59',
    '1:00',
    '1:02:03',
    '0:00',
  ]);
  expect([400, 12_400, 180_000, 7_200_000, 4 * 86_400_000].map(show.formatAge)).toEqual([
    '0.4 s',
    '12 s',
    '3 min',
    '2 h',
    '4 d',
  ]);
});
