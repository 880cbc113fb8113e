import { describe, expect, test } from '@jest/globals';
import { frameIndex, milliseconds, segmentNumber } from '#common/time';
import { roomWith, type Room } from '../../../scheduler/plan/room.ts';
import { EPOCH } from './simulated-feed.ts';

const FIRST = {
  seq: 0,
  index: frameIndex((EPOCH / 1000) * 30),
  chunk: segmentNumber(1),
  flags: 1,
  late: false,
};
const SESSION = { session: 's1', fps: '30' as const, video: [FIRST] };

/** What is said to be free, each time so long after the feed's first frame. */
const after = (told: readonly (readonly [ms: number, cores: number | null])[]): number | null =>
  told.reduce<Room | undefined>(
    (room, [ms, cores]) => roomWith(SESSION, room, cores, milliseconds(EPOCH + ms)),
    undefined,
  )?.freeCores ?? null;

describe('the room for a broadcast that begins', () => {
  test('is not what was free before its feed: an encoder on the same machine begins with it', () => {
    expect(
      after([
        [500, 1.3],
        [1_900, 1.2],
        [2_100, 0.3],
      ]),
    ).toBe(0.3);
  });

  test('is there again once what ran before the feed is over', () => {
    expect(
      after([
        [1_900, 0],
        [2_100, 1.2],
      ]),
    ).toBe(1.2);
  });

  test('is the most that was free with the feed: a page that opens is over soon', () => {
    expect(
      after([
        [2_100, 0.2],
        [2_600, 1.1],
        [3_100, 0.3],
      ]),
    ).toBe(1.1);
  });

  test('is not known while no worker is', () => {
    expect(after([[2_100, null]])).toBeNull();
    expect(
      after([
        [2_100, 1],
        [2_600, null],
      ]),
    ).toBe(1);
  });

  test('is that of each feed alone', () => {
    const before = roomWith(SESSION, undefined, 1.2, milliseconds(EPOCH + 2_100));
    const next = { ...SESSION, session: 's2' };
    expect(roomWith(next, before, 0.4, milliseconds(EPOCH + 2_600)).freeCores).toBe(0.4);
  });

  test('of a feed without a picture is the newest word', () => {
    const silent = { ...SESSION, video: [] };
    const before = roomWith(silent, undefined, 1.2, milliseconds(EPOCH + 9_000));
    expect(roomWith(silent, before, 0.4, milliseconds(EPOCH + 9_500)).freeCores).toBe(0.4);
  });
});
