import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LADDER, type Channel } from '#common/contracts/channel';
import type { Broadcast } from '#common/contracts/segment';
import { FEED_REFUSED, type FeedStatus } from '#common/contracts/status';
import { milliseconds, segmentNumber } from '#common/time';
import { statusOf, type Known } from '../../../control/api/status.ts';

const N = 897_500_000;
/** When segment {@link N} begins at 30 frames a second, milliseconds. */
const NOW = N * 2000;
const channel: Channel = {
  id: 'final',
  name: 'final',
  fps: null,
  profile: 'standard',
  ladder: DEFAULT_LADDER,
  fixedLadder: false,
  priority: 50,
  dvrSeconds: 60,
  reconnectSeconds: 60,
  streamKeyHash: '',
  createdAt: '',
};
const air: Broadcast = {
  channel: 'final',
  broadcast: segmentNumber(N - 100),
  fps: '30',
  profile: 'standard',
  renditions: [],
  sheds: [],
  dvrSeconds: 60,
  startedAt: milliseconds(0),
  last: null,
};
const feed: FeedStatus = {
  slot: 'primary',
  connected: true,
  session: 's',
  at: NOW,
  bitrateBps: 1,
  fps: 30,
  keyframeSeconds: 2,
  width: 64,
  height: 64,
  encoder: '',
  warnings: [],
};
const warningsOf = (known: Partial<Known>): { code: string; message: string }[] =>
  statusOf({
    channel,
    air,
    feed,
    origin: undefined,
    isLed: true,
    unfinished: 0,
    fillers: [],
    rawStored: undefined,
    viewers: undefined,
    disk: 'ok',
    now: NOW,
    ...known,
  }).warnings;

describe('the status of a channel', () => {
  test('has no warnings when all is well', () => {
    expect(warningsOf({})).toEqual([]);
  });

  test('tells for a minute which segments became filler, and why', () => {
    const fillers = [
      { n: segmentNumber(N - 3), reason: 'ffmpeg ended with 1' },
      { n: segmentNumber(N - 4), reason: 'x' },
      // A second note of the same, one of long ago, and one of the broadcast before.
      { n: segmentNumber(N - 4), reason: 'y' },
      { n: segmentNumber(N - 60), reason: 'z' },
      { n: segmentNumber(N - 200), reason: 'z' },
    ];
    expect(warningsOf({ fillers })).toEqual([
      {
        code: 'SEGMENTS_FILLED',
        message: expect.stringMatching(
          /^2 of the last minute's segments .* 897499997 the newest \(ffmpeg ended with 1\)/,
        ),
      },
    ]);
    const later = warningsOf({ fillers, now: NOW + 60_000, feed: { ...feed, at: NOW + 60_000 } });
    expect(later).toEqual([]);
    expect(warningsOf({ fillers, air: undefined })).toEqual([]);
  });

  test('tells for ten minutes why a publisher was sent away, and nothing else of what it was like', () => {
    const warnings = [
      { code: 'NO_AUDIO', message: 'the feed has no sound' },
      { code: FEED_REFUSED, message: 'only H.264 + AAC' },
    ];
    const gone = { ...feed, connected: false, warnings };
    const told = (later: number): string[] =>
      warningsOf({ air: undefined, feed: gone, now: NOW + later }).map(({ code }) => code);
    expect(told(1000)).toEqual([FEED_REFUSED]);
    expect(told(599_000)).toEqual([FEED_REFUSED]);
    expect(told(601_000)).toEqual([]);
  });
});

test('a lag grows once the next segment is later than the last one was', () => {
  const sound = { kind: 'audio', id: 'a96', bitrateBps: 96_000, codecs: 'mp4a.40.2' } as const;
  const lagAt = (now: number): number | null | undefined =>
    statusOf({
      channel,
      feed,
      isLed: true,
      unfinished: 0,
      fillers: [],
      rawStored: undefined,
      viewers: undefined,
      disk: 'ok',
      now,
      air: { ...air, renditions: [sound] },
      origin: {
        broadcast: air.broadcast,
        renditions: [{ id: 'a96', published: N - 2, lagMs: 2_100 }],
      },
    }).renditions[0]?.lagMs;
  expect(lagAt(NOW)).toBe(2_100);
  expect(lagAt(NOW + 2_100)).toBe(2_100);
  expect(lagAt(NOW + 9_000)).toBe(9_000);
});

test('what is withheld is told of the rendition and as a warning: since when, why, and what brings it back', () => {
  const picture = (id: string, height: number): Broadcast['renditions'][number] => ({
    kind: 'video',
    id,
    width: 2 * height,
    height,
    maxBitrateBps: 1_000_000,
    preset: 'veryfast',
    codecs: 'avc1.64001f',
  });
  const shed = (from: number, withheld: string[]): Broadcast['sheds'][number] => ({
    from: segmentNumber(from),
    withheld,
    at: milliseconds(0),
    reason: 'late',
    lateMs: 840,
    lateChannel: 'cup',
  });
  const renditions = [picture('v720', 720), picture('v480', 480), picture('v360', 360)];
  const sheds = [shed(N - 9, ['v720']), shed(N - 4, ['v720', 'v480'])];
  const origin = {
    broadcast: air.broadcast,
    renditions: renditions.map(({ id }) => ({ id, published: N - 10, lagMs: 2_100 })),
  };
  const statusAt = (of: Broadcast['sheds'], now = NOW): ReturnType<typeof statusOf> =>
    statusOf({
      channel,
      feed,
      isLed: true,
      unfinished: 0,
      fillers: [],
      rawStored: undefined,
      disk: 'ok',
      viewers: undefined,
      now,
      air: { ...air, renditions, sheds: of },
      origin,
    });
  const status = statusAt(sheds);
  expect(status.renditions.map(({ withheld, lagMs }) => [withheld?.from, lagMs === null])).toEqual([
    [N - 9, true],
    [N - 4, true],
    [undefined, false],
  ]);
  expect(status.renditions[0]?.withheld?.since).toBe((N - 9) * 2000);
  expect(status.warnings).toEqual([
    {
      code: 'RENDITIONS_WITHHELD',
      message: expect.stringMatching(
        /^Without v720, v480, .* channel cup was 0\.8 s late.* nothing was late for 20 s .* room/,
      ),
    },
  ]);
  // Decided, and yet to come: it is still made.
  const ahead = statusAt([shed(N + 3, ['v720'])]).renditions[0];
  expect([ahead?.withheld?.from, ahead?.lagMs === null]).toEqual([N + 3, false]);
  expect(statusAt([...sheds, shed(N - 2, [])]).warnings).toEqual([]);
});
