import { describe, expect, test } from '@jest/globals';
import { divisionOf } from '#common/division';
import { FPS_NAMES, gridOf, timeOfSegment, type FpsName } from '#common/grid';
import { segmentNumber } from '#common/time';
import { liveManifest } from '../../../../aggregator/dash.ts';
import { startTimeline, type Timeline } from '../../../../aggregator/timeline.ts';
import {
  fragmentEnd,
  parseManifest,
  segmentAt,
  segmentSeconds,
  timeOf,
} from '../../../../player/engine/manifest.ts';
import { broadcastOf } from '../../aggregator/segments-made.ts';

const SHA = '0123456789abcdef'.repeat(4);

function timelineOf(
  fps: FpsName,
  profile: 'low' | 'instant' | 'standard',
  last: number | null,
): Timeline {
  const broadcast = broadcastOf({ fps, profile, last: last === null ? null : segmentNumber(last) });
  return {
    ...startTimeline(broadcast),
    inits: new Map(broadcast.renditions.map(({ id }) => [id, SHA])),
  };
}

describe("the origin's manifest", () => {
  test.each(FPS_NAMES)('tells the grid exactly at %s', (fps) => {
    const grid = gridOf(fps);
    for (const profile of ['low', 'instant', 'standard'] as const) {
      const timeline = timelineOf(fps, profile, null);
      const manifest = parseManifest(liveManifest(timeline));
      const first = timeline.broadcast.broadcast;
      expect(manifest).toMatchObject({
        first,
        last: undefined,
        fragments: divisionOf(grid, profile).fragments,
        sound: {
          id: 'a128',
          type: 'audio/mp4; codecs="mp4a.40.2"',
          init: 'a128/init-0123456789abcdef.mp4',
        },
      });
      expect(manifest.windowSeconds).toBeGreaterThanOrEqual(60);
      expect(manifest.leastLatency).toBe({ standard: 0, low: 1.76, instant: 0.4 }[profile]);
      expect(manifest.pictures.map(({ id, width, height }) => [id, width, height])).toEqual([
        ['v720', 1280, 720],
        ['v360', 640, 360],
      ]);
      for (const n of [first, first + 1, first + 123_457]) {
        const begin = timeOfSegment(grid, segmentNumber(n)) / 1000;
        expect(timeOf(manifest, n)).toBeCloseTo(begin, 3);
        expect(segmentAt(manifest, timeOf(manifest, n))).toBe(n);
        expect(segmentAt(manifest, timeOf(manifest, n) - 0.001)).toBe(n - 1);
        expect(fragmentEnd(manifest, n, manifest.fragments - 1)).toBeCloseTo(
          timeOf(manifest, n + 1),
          6,
        );
      }
      expect(segmentSeconds(manifest)).toBeCloseTo((grid.segmentFrames * grid.den) / grid.num, 9);
    }
  });

  test.each(FPS_NAMES)('tells the last number of a broadcast that has ended at %s', (fps) => {
    for (const count of [1, 7, 1000]) {
      const { broadcast } = timelineOf(fps, 'instant', null).broadcast;
      const timeline = timelineOf(fps, 'instant', broadcast + count - 1);
      expect(parseManifest(liveManifest(timeline)).last).toBe(broadcast + count - 1);
    }
  });

  test('without init segments is too young, and what is none is refused', () => {
    const young = liveManifest({ ...timelineOf('30', 'instant', null), inits: new Map() });
    expect(() => parseManifest(young)).toThrow(RangeError);
    expect(() => parseManifest('')).toThrow(RangeError);
    expect(() => parseManifest('<MPD><Period><SegmentTemplate duration="x"/></Period>')).toThrow(
      RangeError,
    );
  });
});
