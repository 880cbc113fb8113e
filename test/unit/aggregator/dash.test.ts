import { describe, expect, test } from '@jest/globals';
import { liveManifest, recordingManifest } from '../../../aggregator/dash.ts';
import { startTimeline, withSegment, type Timeline } from '../../../aggregator/timeline.ts';
import { publishedOf } from '../../../aggregator/verify.ts';
import { divisionOf } from '#common/division';
import { FPS_NAMES, gridOf, timeOfSegment } from '#common/grid';
import { milliseconds, segmentNumber, type Milliseconds } from '#common/time';
import type { Broadcast } from '#common/contracts/segment';
import { RENDITIONS, broadcastOf, objectsOf, resultOf } from './segments-made.ts';

function timelineOf(broadcast: Broadcast, count = 2, lateness = 1_000): Timeline {
  const at = (n: number): Milliseconds =>
    milliseconds(timeOfSegment(gridOf(broadcast.fps), segmentNumber(n + 1)) + lateness);
  let timeline = startTimeline(broadcast);
  for (let n: number = broadcast.broadcast; n < broadcast.broadcast + count; n += 1) {
    timeline = withSegment(
      timeline,
      publishedOf(resultOf(broadcast, n, objectsOf(broadcast, n)), at(n)),
    );
  }
  return timeline;
}

const attribute = (text: string, element: string, name: string, nth = 0): string | undefined => {
  const found = [...text.matchAll(new RegExp(`<${element}\\b[^>]*`, 'g'))][nth]?.[0];
  return new RegExp(` ${name}="([^"]*)"`).exec(found ?? '')?.[1];
};

const secondsOf = (duration: string | undefined): number =>
  Number(/^PT([0-9.]+)S$/.exec(duration ?? '')?.[1]);

describe('the live manifest', () => {
  test.each(FPS_NAMES)(
    'at %s puts the Period, the numbers and the media times on one grid',
    (fps) => {
      const broadcast = broadcastOf({ fps });
      const grid = gridOf(fps);
      const text = liveManifest(timelineOf(broadcast));
      const n = broadcast.broadcast;
      expect(attribute(text, 'MPD', 'type')).toBe('dynamic');
      expect(attribute(text, 'MPD', 'availabilityStartTime')).toBe('1970-01-01T00:00:00Z');
      // A millisecond before the first sample, so that dash.js seeks to it.
      const start = secondsOf(attribute(text, 'Period', 'start'));
      expect(Math.round(start * 48_000)).toBe(n * grid.segmentSamples - 48);
      for (const [nth, timescale] of [
        [0, grid.timescale],
        [1, grid.timescale],
        [2, 48_000],
      ] as const) {
        const number = (name: string): number =>
          Number(attribute(text, 'SegmentTemplate', name, nth));
        expect(number('timescale')).toBe(timescale);
        expect(number('startNumber')).toBe(n);
        // Number n's media time is n times the duration: the template addresses the grid itself.
        expect(number('presentationTimeOffset')).toBe(n * number('duration') - timescale / 1000);
        expect(number('duration') * 48_000).toBe(grid.segmentSamples * timescale);
      }
    },
  );

  test('says nothing that grows with every segment once it is some segments old', () => {
    const broadcast = broadcastOf();
    expect(liveManifest(timelineOf(broadcast, 9))).toBe(liveManifest(timelineOf(broadcast, 30)));
  });

  test.each([
    [500, 1],
    [500, 2],
    [2_500, 1],
    [2_500, 2],
    [2_500, 40],
    [7_900, 3],
    [7_900, 40],
  ])(
    'tells ffmpeg where to begin, whose arithmetic never calls a number gone (%i ms late, %i published)',
    (lateness, count) => {
      const broadcast = broadcastOf();
      const first = broadcast.broadcast;
      const text = liveManifest(timelineOf(broadcast, count, lateness));
      const [, days, seconds] =
        /^P(\d+)DT(\d+)S$/.exec(attribute(text, 'MPD', 'f:timeshiftbufferdepth') ?? '') ?? [];
      const depth = Number(days) * 86_400 + Number(seconds);
      const behind = secondsOf(attribute(text, 'MPD', 'f:minbuffertime'));
      const start = first * 2;
      // libavformat/dashdec.c, calc_cur_seg_no and calc_min_seg_no, in seconds since the epoch.
      const begin = (now: number): number => first + Math.floor((now - start) / 2) - behind;
      const gone = (now: number): number => first + Math.floor((Math.floor(now) - depth) / 2);
      const opened = start + 2 * count + lateness / 1000;
      expect(begin(opened)).toBeGreaterThanOrEqual(first);
      expect(begin(opened)).toBeLessThanOrEqual(first + count);
      // Read to the end of what is published, every number is asked for as soon as the one before has come.
      for (let n = Math.max(first + count, begin(opened) + 1); n < first + count + 50; n += 1) {
        const now = start + 2 * (n - first) + lateness / 1000 + 0.3;
        expect(depth).toBeLessThanOrEqual(now);
        // The second rendition still wants the number that has just come.
        expect(n - 1).toBeGreaterThan(gone(now));
      }
    },
  );

  test.each(FPS_NAMES)(
    'at %s has its first start tag where GStreamer looks for it, whatever it says',
    (fps) => {
      const broadcast = broadcastOf({ fps, dvrSeconds: 86_400 });
      for (const lateness of [1_000, 7_900, 19_900]) {
        for (const count of [1, 2, 40]) {
          const text = liveManifest(timelineOf(broadcast, count, lateness));
          expect(text.indexOf('>', text.indexOf('<MPD')) + 1).toBeLessThanOrEqual(512);
        }
      }
    },
  );

  test('begins playback at least three segments behind what the clock says exists', () => {
    const text = liveManifest(timelineOf(broadcastOf()));
    expect(secondsOf(attribute(text, 'MPD', 'suggestedPresentationDelay'))).toBeGreaterThanOrEqual(
      6,
    );
    expect(attribute(text, 'MPD', 'minimumUpdatePeriod')).toBe('PT2S');
    expect(attribute(text, 'MPD', 'timeShiftBufferDepth')).toBe('PT60S');
    expect(attribute(text, 'UTCTiming', 'schemeIdUri')).toBe('urn:mpeg:dash:utc:http-iso:2014');
    expect(attribute(text, 'UTCTiming', 'value')).toBe('/time');
  });

  test('gets its duration when the end is known, and is static at last, on the same timeline', () => {
    const broadcast = broadcastOf();
    const ended = timelineOf({ ...broadcast, last: segmentNumber(broadcast.broadcast + 1) });
    const known = liveManifest(ended);
    expect(attribute(known, 'MPD', 'type')).toBe('dynamic');
    expect(attribute(known, 'Period', 'duration')).toBe('PT4.001S');
    const text = liveManifest({ ...ended, isStatic: true });
    expect(attribute(text, 'MPD', 'type')).toBe('static');
    expect(attribute(text, 'MPD', 'minimumUpdatePeriod')).toBeUndefined();
    expect(attribute(text, 'MPD', 'suggestedPresentationDelay')).toBeUndefined();
    expect(attribute(text, 'Period', 'start')).toBe(attribute(known, 'Period', 'start'));
    expect(secondsOf(attribute(text, 'MPD', 'mediaPresentationDuration'))).toBe(
      secondsOf(attribute(text, 'Period', 'start')) + 4.001,
    );
  });
});

describe("a recording's manifest", () => {
  test('begins at zero and lasts as long as its segments', () => {
    const broadcast = broadcastOf({ fps: '30000/1001' });
    const first = broadcast.broadcast;
    const last = segmentNumber(first + 2);
    const timeline = timelineOf({ ...broadcast, last }, 3);
    const text = recordingManifest(timeline, '../../../live/final/', [
      { first, last, renditions: RENDITIONS },
    ]);
    expect(attribute(text, 'MPD', 'type')).toBe('static');
    expect(attribute(text, 'MPD', 'mediaPresentationDuration')).toBe('PT6.006S');
    expect(attribute(text, 'Period', 'start')).toBe('PT0S');
    expect(attribute(text, 'SegmentTemplate', 'startNumber')).toBe(String(first));
    expect(text).toContain('<BaseURL>../../../live/final/</BaseURL>');
    const picture = `<S t="${first * 60 * 1001}" d="60060" r="2"/>`;
    expect(text).toContain(picture);
    // Sound: whole frames, which follow each other and last as long as the picture, to one frame.
    const [, sound = ''] = text.split('contentType="audio"');
    const rows = [...sound.matchAll(/<S (?:t="(\d+)" )?d="(\d+)"(?: r="(\d+)")?/g)];
    const total = rows.reduce((sum, [, , d, r]) => sum + Number(d) * (1 + Number(r ?? 0)), 0);
    expect(Number(rows[0]?.[1]) % 1024).toBe(0);
    expect(total % 1024).toBe(0);
    expect(Math.abs(total - 3 * 96_096)).toBeLessThan(1024);
  });

  test('leaves out what was lost: a Period for each unbroken run', () => {
    const broadcast = broadcastOf();
    const first = broadcast.broadcast;
    const text = recordingManifest(timelineOf(broadcast), 'x/', [
      { first, last: segmentNumber(first + 4), renditions: RENDITIONS },
      { first: segmentNumber(first + 7), last: segmentNumber(first + 9), renditions: RENDITIONS },
    ]);
    expect(attribute(text, 'MPD', 'mediaPresentationDuration')).toBe('PT16S');
    expect(attribute(text, 'Period', 'start', 1)).toBe('PT10S');
    expect(attribute(text, 'Period', 'duration', 1)).toBe('PT6S');
    expect(text).toContain(`startNumber="${first + 7}"`);
  });
});

describe.each(['low', 'instant'] as const)('the live manifest in %s', (profile) => {
  test.each(FPS_NAMES)('at %s lets players ask for a segment once its first fragment is', (fps) => {
    const broadcast = broadcastOf({ fps, profile });
    const grid = gridOf(fps);
    const text = liveManifest(timelineOf(broadcast));
    const offset = Number(attribute(text, 'SegmentTemplate', 'availabilityTimeOffset'));
    const fragment = (divisionOf(grid, profile).fragmentFrames * grid.den) / grid.num;
    expect(offset).toBeCloseTo(grid.segmentSamples / 48_000 - fragment, 5);
    expect(attribute(text, 'SegmentTemplate', 'availabilityTimeComplete')).toBe('false');
    const target = Number(attribute(text, 'Latency', 'target'));
    expect(secondsOf(attribute(text, 'MPD', 'suggestedPresentationDelay'))).toBe(target / 1000);
    const moment = Date.parse(attribute(text, 'ProducerReferenceTime', 'wallClockTime') ?? '');
    const time = Number(attribute(text, 'ProducerReferenceTime', 'presentationTime'));
    expect(Math.abs(moment - (time * 1000) / grid.timescale)).toBeLessThanOrEqual(1);
    expect(attribute(text, 'Latency', 'referenceId')).toBe(
      attribute(text, 'ProducerReferenceTime', 'id'),
    );
    expect(text.indexOf('>', text.indexOf('<MPD')) + 1).toBeLessThanOrEqual(512);
  });

  test('is without all that once it is static', () => {
    const broadcast = broadcastOf({ profile });
    const ended = timelineOf({ ...broadcast, last: segmentNumber(broadcast.broadcast + 1) });
    const text = liveManifest({ ...ended, isStatic: true });
    expect(text).not.toMatch(/availabilityTime(Offset|Complete)|ServiceDescription|ProducerRef/);
  });
});
