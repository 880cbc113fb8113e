import { expect, test } from '@jest/globals';
import { FPS_NAMES, gridOf, segmentSeconds } from '#common/grid';
import {
  closingWait,
  PICTURE_LAG,
  PICTURE_ORDER_WAIT,
  PLAYERS_BEHIND_SEGMENTS,
} from '#common/lateness';

test.each(FPS_NAMES)(
  'in `standard` at %s a stutter of three seconds fits the wait, and the wait what players keep in hand',
  (fps) => {
    const grid = gridOf(fps);
    const wait = closingWait('standard', grid);
    expect(wait).toBeGreaterThanOrEqual(3_500);
    // One of a player's segments is being played while the next is fetched.
    const inHand = (PLAYERS_BEHIND_SEGMENTS.standard - 1) * segmentSeconds(grid) * 1000;
    expect(wait).toBeLessThanOrEqual(inHand - 500);
  },
);

test('sound tells that no picture comes later than ingest lets a picture wait for its place', () => {
  expect(PICTURE_LAG).toBeGreaterThan(PICTURE_ORDER_WAIT);
});
