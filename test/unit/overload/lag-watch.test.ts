import { expect, test } from '@jest/globals';
import { lagOf } from '../../overload/lag-watch.ts';

const BEGIN = Date.parse('2026-11-29T12:00:00.000Z');
const HEAD = ['#EXTM3U', '#EXT-X-PROGRAM-DATE-TIME:2026-11-29T12:00:00.000Z'];
const PARTS = [0, 1, 2].map((k) => `#EXT-X-PART:DURATION=0.33334,URI="1.${k}.m4s"`);
const lag = (lines: readonly string[]): number | undefined =>
  lagOf([...HEAD, ...lines].join('\n'), BEGIN + 5_000);

test('the newest part tells how far a playlist is behind; parts of whole segments do not count twice', () => {
  expect(lag([...PARTS, '#EXTINF:2.00000,', '1.m4s'])).toBeCloseTo(3, 3);
  expect(lag([...PARTS, '#EXTINF:2.00000,', '1.m4s', ...PARTS])).toBeCloseTo(2, 3);
});

test('a playlist whose newest is a gap is none that is behind', () => {
  const gaps = PARTS.map((line) => `${line},GAP=YES`);
  expect(lag(['#EXT-X-GAP', '#EXTINF:2.00000,', '1.m4s'])).toBeUndefined();
  expect(lag(['#EXTINF:2.00000,', '1.m4s', ...gaps])).toBeUndefined();
  expect(lag(['#EXT-X-GAP', '#EXTINF:2.00000,', '1.m4s', ...PARTS])).toBeCloseTo(2, 3);
});
