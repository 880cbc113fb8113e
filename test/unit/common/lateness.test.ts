import { expect, test } from '@jest/globals';
import { FPS_NAMES, gridOf, segmentSeconds } from '#common/grid';
import {
  closingWait,
  LONGEST_ORDER_WAIT,
  PICTURE_ORDER_WAIT,
  pictureLag,
  PLAYERS_BEHIND_SEGMENTS,
  soundLag,
} from '#common/lateness';
import { milliseconds } from '#common/time';

test.each(FPS_NAMES)(
  'in `standard` at %s a stutter of three seconds fits the wait, and the wait what players keep in hand',
  (fps) => {
    const grid = gridOf(fps);
    const wait = closingWait('standard', grid);
    expect(wait).toBeGreaterThanOrEqual(3_500);
    expect(wait).toBeGreaterThanOrEqual(LONGEST_ORDER_WAIT + 500);
    // One of a player's segments is being played while the next is fetched.
    const inHand = (PLAYERS_BEHIND_SEGMENTS - 1) * segmentSeconds(grid) * 1000;
    expect(wait).toBeLessThanOrEqual(inHand - 500);
  },
);

test('sound tells that no picture comes later than ingest lets a picture wait for its place, or than one has come', () => {
  expect(pictureLag(milliseconds(0))).toBeGreaterThan(PICTURE_ORDER_WAIT);
  expect(pictureLag(milliseconds(2_500))).toBeGreaterThan(2_500);
});

test('pictures tell that no sound comes later than any has come', () => {
  expect(soundLag(milliseconds(0))).toBe(500);
  expect(soundLag(milliseconds(2_000))).toBe(2_500);
});
