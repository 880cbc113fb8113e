import { describe, expect, test } from '@jest/globals';
import { liveManifest } from '../../../aggregator/dash.ts';
import { mediaPlaylist, multivariantPlaylist } from '../../../aggregator/hls.ts';
import { runsOf } from '../../../aggregator/playlists.ts';
import {
  restoreTimeline,
  startTimeline,
  withBroadcast,
  withSegment,
  type Timeline,
} from '../../../aggregator/timeline.ts';
import { publishedOf, verifyResult, withoutWithheld } from '../../../aggregator/verify.ts';
import { madeAt, type Shed } from '#common/contracts/shed';
import type { Broadcast } from '#common/contracts/segment';
import { gridOf, timeOfSegment } from '#common/grid';
import { milliseconds, segmentNumber } from '#common/time';
import { broadcastOf, objectsOf, resultOf } from './segments-made.ts';

const FIRST = broadcastOf().broadcast;
const shed = (k: number, withheld: string[]): Shed => {
  return {
    from: segmentNumber(FIRST + k),
    withheld,
    at: timeOfSegment(gridOf('30'), segmentNumber(FIRST + k - 3)),
    reason: withheld.length > 0 ? 'late' : 'room',
    lateMs: 900,
    lateChannel: 'final',
  };
};
const AWAY = [shed(2, ['v720'])];
const BACK = [...AWAY, shed(5, [])];

function timelineOf(broadcast: Broadcast, count: number): Timeline {
  let timeline = startTimeline(broadcast);
  for (let n: number = FIRST; n < FIRST + count; n += 1) {
    const renditions = [...madeAt(broadcast, segmentNumber(n))];
    const part = { ...broadcast, renditions };
    const at = milliseconds(timeOfSegment(gridOf('30'), segmentNumber(n + 1)) + 500);
    timeline = withSegment(timeline, publishedOf(resultOf(part, n, objectsOf(part, n)), at));
  }
  return timeline;
}

const offered = (timeline: Timeline): string[] =>
  [...multivariantPlaylist(timeline, ({ id }) => `${id}.m3u8`).matchAll(/^(v\d+)\.m3u8$/gm)].map(
    ([, id = '']) => id,
  );
const represented = (timeline: Timeline): string[] =>
  [...liveManifest(timeline).matchAll(/<Representation id="(\w+)"/g)].map(([, id = '']) => id);

describe('a rendition that is withheld', () => {
  test('leaves both kinds of index when that is decided, and is back in them with its first segment', () => {
    const before = timelineOf(broadcastOf(), 2);
    expect(offered(before)).toEqual(['v720', 'v360']);
    const decided = withBroadcast(timelineOf(broadcastOf(), 1), broadcastOf({ sheds: AWAY }));
    expect(offered(decided)).toEqual(['v360']);
    expect(represented(decided)).toEqual(['v360', 'a128']);
    const returning = timelineOf(broadcastOf({ sheds: BACK }), 5);
    expect(represented(returning)).toEqual(['v360', 'a128']);
    const returned = timelineOf(broadcastOf({ sheds: BACK }), 6);
    expect(offered(returned)).toEqual(['v720', 'v360']);
    expect(represented(returned)).toEqual(['v720', 'v360', 'a128']);
    const publishTime = (timeline: Timeline): string =>
      /publishTime="([^"]+)"/.exec(liveManifest(timeline))?.[1] ?? '';
    expect(publishTime(returned) > publishTime(returning)).toBe(true);
    const newer = withBroadcast(before, broadcastOf({ sheds: BACK }));
    expect(publishTime(newer)).toBe(new Date(BACK[1]?.at ?? 0).toISOString());
  });

  test('is a gap in its playlist, with the same number as everywhere', () => {
    const timeline = timelineOf(broadcastOf({ sheds: BACK }), 7);
    const playlistOf = (id: string): string => {
      const rendition = timeline.broadcast.renditions.find((known) => known.id === id);
      if (rendition === undefined) {
        throw new Error(`no rendition ${id}`);
      }
      const { grid, segments } = timeline;
      const rest = { isEnded: false, isRecording: false, base: '', first: FIRST };
      return mediaPlaylist({ grid, rendition, segments, ...rest });
    };
    const gaps = [...playlistOf('v720').matchAll(/#EXT-X-GAP\n#EXTINF:2\.0+,\n(\d+)\.m4s/g)];
    expect(gaps.map(([, n]) => Number(n) - FIRST)).toEqual([2, 3, 4]);
    expect(playlistOf('v720')).toContain('#EXT-X-VERSION:8');
    expect(playlistOf('v360')).not.toContain('GAP');
    expect(playlistOf('v360')).toContain('#EXT-X-VERSION:7');
  });

  test('keeps its init segment over a restart while it is away', () => {
    const timeline = timelineOf(broadcastOf({ sheds: AWAY }), 4);
    const restored = restoreTimeline(timeline.broadcast, timeline.segments, timeline.declared);
    expect([...restored.inits.keys()].toSorted()).toEqual(['a128', 'v360', 'v720']);
  });

  test('divides a recording into stretches that have all of what they name', () => {
    const runs = runsOf(timelineOf(broadcastOf({ sheds: BACK }), 7));
    expect(
      runs.map(({ first, last, renditions }) => [
        first - FIRST,
        (last ?? 0) - FIRST,
        renditions.length,
      ]),
    ).toEqual([
      [0, 1, 3],
      [2, 4, 2],
      [5, 6, 3],
    ]);
  });

  test('is not taken from a result that has it, nor missed in one that has not', () => {
    const broadcast = broadcastOf({ sheds: AWAY });
    const n = FIRST + 3;
    const whole = resultOf(broadcast, n, objectsOf(broadcast, n));
    const wanted = withoutWithheld(broadcast, whole);
    expect(wanted.made.map(({ rendition }) => rendition)).toEqual(['v360', 'a128']);
    expect(() => {
      verifyResult(broadcast, wanted, objectsOf(broadcast, n), new Map());
    }).not.toThrow();
    const { made } = wanted;
    expect(() => {
      verifyResult(
        broadcast,
        { ...wanted, n: segmentNumber(FIRST + 1), made },
        objectsOf(broadcast, FIRST + 1),
        new Map(),
      );
    }).toThrow('not each rendition that is wanted');
  });
});
