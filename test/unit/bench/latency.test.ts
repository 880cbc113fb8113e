import { describe, expect, test } from '@jest/globals';
import { budgetOf } from '../../../bench/latency/budget.ts';
import { percentile, spreadOf } from '../../../bench/latency/percentiles.ts';
import { parseRecorded } from '../../../bench/latency/recorder.ts';
import { frameOf, tagsFor, timetableOf } from '../../../bench/latency/timetable.ts';
import { firstShown, stallsIn, viewingOf, type Presented } from '../../../bench/latency/viewing.ts';
import { FLV_TAG, type FlvTag } from '../../helpers/flv.ts';
import { stampBits } from '../../helpers/frame-stamp.ts';
import type { Loop } from '../../soak/loop.ts';

const FRAME_MS = 40;

/** A picture that is shown so much after it is decoded. */
const picture = (timestamp: number, offset = 0): FlvTag => {
  const data = Buffer.from([0x17, 1, 0, 0, 0]);
  data.writeIntBE(offset, 2, 3);
  return { type: FLV_TAG.video, timestamp, data };
};
const loop: Loop = {
  head: [],
  body: [0, 40, 80, 120].map((at) => picture(200 + at)),
  period: 160,
};
/** Frame 0 was taken at 10,200. */
const timetable = timetableOf(loop, 10_000);

const shown = (at: number, stamp: number | undefined, count: number, rate = 1): Presented => ({
  at,
  stamp,
  count,
  rate,
  height: 720,
  told: undefined,
});

describe('percentiles', () => {
  test('are values that were measured, by nearest rank', () => {
    const values = Array.from({ length: 200 }, (_, i) => 200 - i);
    expect(spreadOf(values)).toEqual({ count: 200, p50: 100, p95: 190, p99: 198, worst: 200 });
    expect(percentile([7], 1)).toBe(7);
    expect(percentile([], 50)).toBeNaN();
  });
});

describe('the timetable of a clip sent over and over', () => {
  test('goes on from round to round, for pictures taken and sent', () => {
    expect(timetable.frameMs).toBe(FRAME_MS);
    expect([0, 3, 4, 9].map(timetable.takenAt)).toEqual([10_200, 10_320, 10_360, 10_560]);
    expect([0, 3, 4, 9].map(timetable.sentAt)).toEqual([10_200, 10_320, 10_360, 10_560]);
  });

  test('no frame is sent before it was taken, where some are coded before others', () => {
    // I0 P3 B1 B2, decoded one after another, shown a frame later.
    const reordered = timetableOf(
      {
        head: [],
        body: [picture(0, 40), picture(40, 120), picture(80), picture(120)],
        period: 160,
      },
      0,
    );
    const delays = [0, 1, 2, 3].map((n) => reordered.sentAt(n) - reordered.takenAt(n));
    expect(Math.min(...delays)).toBe(0);
    expect(delays).toEqual([80, 120, 120, 0]);
  });

  test('a stamp is of the newest round in which its frame had been taken', () => {
    expect(frameOf(timetable, 1, 10_250)).toBe(1);
    expect(frameOf(timetable, 1, 10_399)).toBe(1);
    expect(frameOf(timetable, 1, 10_400)).toBe(5);
    expect(frameOf(timetable, 1, 10_000)).toBe(1);
  });

  test('tags are of whole milliseconds and sent at their exact time', () => {
    const uneven: Loop = { head: [], body: [picture(0), picture(33)], period: 66.7 };
    expect(tagsFor(uneven, 150).map(({ tag, at }) => [tag.timestamp, at])).toEqual([
      [0, 0],
      [33, 33],
      [67, 66.7],
      [100, 99.7],
      [133, 133.4],
    ]);
  });
});

describe('a viewing', () => {
  /** Every picture, shown so much after it was taken. */
  const steady = (frames: number, ms: number): Presented[] =>
    Array.from({ length: frames }, (_, n) => shown(timetable.takenAt(n) + ms, n % 4, n + 1));

  test('is as far behind as its pictures are old', () => {
    const pictures = steady(100, 70).map((each, n) =>
      n < 50 ? { ...each, at: each.at + 30 } : each,
    );
    const { latency, beginning, stalls, unread } = viewingOf(pictures, timetable, 2_000, 14_250);
    expect(latency).toMatchObject({ p50: 70, p99: 70, worst: 70 });
    expect(beginning.p50).toBe(100);
    expect(stalls).toEqual([]);
    expect(unread).toBe(0);
  });

  test('a page that tells a wrong distance is found out', () => {
    const pictures = steady(100, 70).map((each) => ({ ...each, told: 0.12 }));
    expect(viewingOf(pictures, timetable, 0, 14_250).told.p50).toBeCloseTo(50);
  });

  test('stands still when a picture stays two frames longer than its own length', () => {
    const times = [0, 40, 80, 200, 240, 361];
    const pictures = times.map((at, n) => shown(at, n, n + 1));
    expect(stallsIn(pictures, FRAME_MS, 0, 400)).toEqual([{ at: 240, ms: 121 }]);
  });

  test('does not stand still where pictures were presented that nobody looked at', () => {
    const pictures = [shown(0, 0, 1), shown(40, 1, 2), shown(240, 2, 7), shown(280, 3, 8)];
    expect(stallsIn(pictures, FRAME_MS, 0, 300)).toEqual([]);
  });

  test('does stand still where the same picture is presented again and again', () => {
    const pictures = [0, 40, 80, 120, 160, 200].map((at, n) => shown(at, n < 5 ? 1 : 2, n + 1));
    expect(stallsIn([shown(-40, 0, 0), ...pictures], FRAME_MS, -100, 240)).toEqual([]);
    const still = pictures.map((each) => ({ ...each, count: 1 }));
    expect(stallsIn(still, FRAME_MS, 0, 240)).toEqual([{ at: 0, ms: 200 }]);
  });

  test('takes the rate of playback into account', () => {
    const slow = [shown(0, 0, 1, 0.5), shown(155, 1, 2, 0.5)];
    expect(stallsIn(slow, FRAME_MS, 0, 200)).toEqual([]);
    expect(
      stallsIn(
        slow.map((each) => ({ ...each, rate: 1 })),
        FRAME_MS,
        0,
        200,
      ),
    ).toEqual([{ at: 0, ms: 155 }]);
  });

  test('that ends with a still picture stands still to its end', () => {
    expect(stallsIn([shown(0, 0, 1)], FRAME_MS, 0, 5_000)).toEqual([{ at: 0, ms: 5_000 }]);
  });

  test('tells of each frame when it was first shown', () => {
    const pictures = [shown(10_300, 0, 1), shown(10_340, 0, 2), shown(10_480, 0, 3)];
    expect([...firstShown(pictures, timetable)]).toEqual([
      [0, 10_300],
      [4, 10_480],
    ]);
  });
});

describe('the budget by hop', () => {
  const moments = {
    taken: 0,
    takenLast: 1_967,
    sent: 1_970,
    logged: 1_980,
    closed: 2_180,
    given: 2_200,
    begun: 2_205,
    made: 3_205,
    published: 3_225,
    asked: 3_525,
    fetched: 3_545,
    shown: 9_545,
  };

  test('has every hop, and their sum is the whole', () => {
    const hops = budgetOf([moments]);
    expect(hops.map(({ p50 }) => p50)).toEqual([
      1_967, 3, 10, 200, 20, 5, 1_000, 20, 300, 20, 6_000, 9_545,
    ]);
    const parts = hops.slice(0, -1).reduce((sum, { mean }) => sum + mean, 0);
    expect(parts).toBe(hops.at(-1)?.mean);
  });

  test('a player that asked before there was anything is not held to have been quick', () => {
    const hops = budgetOf([{ ...moments, asked: 2_000 }]);
    expect(hops.map(({ p50 }) => p50).slice(8, 10)).toEqual([0, 320]);
  });
});

describe('what a page noted', () => {
  const cellsOf = (frame: number): string =>
    Array.from({ length: 32 }, (_, cell) =>
      String.fromCharCode((stampBits(frame) >>> (31 - cell)) & 1 ? 240 : 10),
    ).join('');
  const recorded = parseRecorded(
    JSON.stringify({
      clicked: 100,
      now: 900,
      rows: [
        [400, 1_000_000, 1, 1, 720, null, cellsOf(77)],
        [440, 1_000_001, 2, 1.05, 360, 6.5, cellsOf(78)],
        [480, 1_000_001, 3, 1, 360, null, 'x'.repeat(32)],
      ],
      fetches: [
        ['http://edge/live/final/v720/897500123.m4s', 200, 300],
        ['http://edge/live/final/v720/init-0123456789abcdef.mp4', 1, 2],
      ],
    }),
  );

  test('is on the wall clock', () => {
    expect(recorded.presented.map(({ at, stamp, told }) => [at, stamp, told])).toEqual([
      [1_000_401.5, 77, undefined],
      [1_000_441.5, 78, 6.5],
      [1_000_481.5, undefined, undefined],
    ]);
    expect(recorded.firstPictureMs).toBe(300);
    expect(recorded.clockMovedMs).toBe(1);
  });

  test('names the segments that were fetched', () => {
    expect(recorded.fetches).toEqual([
      { rendition: 'v720', n: 897_500_123, asked: 1_000_201.5, fetched: 1_000_301.5 },
    ]);
  });
});
