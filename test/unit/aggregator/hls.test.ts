import { describe, expect, test } from '@jest/globals';
import { parse, setOptions, types } from 'hls-parser';
import { Parser } from 'm3u8-parser';
import { mediaPlaylist, multivariantPlaylist } from '../../../aggregator/hls.ts';
import { startTimeline, withSegment, type Timeline } from '../../../aggregator/timeline.ts';
import { publishedOf } from '../../../aggregator/verify.ts';
import type { Broadcast } from '#common/contracts/segment';
import { FPS_NAMES, gridOf, timeOfSegment } from '#common/grid';
import { milliseconds, segmentNumber } from '#common/time';
import { broadcastOf, objectsOf, resultOf } from './segments-made.ts';

setOptions({ strictMode: true });

function timelineOf(broadcast: Broadcast, count: number): Timeline {
  let timeline = startTimeline(broadcast);
  for (let n: number = broadcast.broadcast; n < broadcast.broadcast + count; n += 1) {
    const result = resultOf(broadcast, n, objectsOf(broadcast, n, {}));
    timeline = withSegment(timeline, publishedOf(result, milliseconds(0)));
  }
  return timeline;
}

function media(
  timeline: Timeline,
  id: string,
  changes: Partial<Parameters<typeof mediaPlaylist>[0]> = {},
): string {
  const rendition = timeline.broadcast.renditions.find((known) => known.id === id);
  if (rendition === undefined) {
    throw new Error(`no rendition ${id}`);
  }
  return mediaPlaylist({
    grid: timeline.grid,
    rendition,
    segments: timeline.segments,
    first: timeline.broadcast.broadcast,
    isEnded: false,
    isRecording: false,
    base: '',
    ...changes,
  });
}

/** Parsed by two readers that complain of different things. */
function read(text: string): { strict: types.MediaPlaylist; parsed: Parser['manifest'] } {
  const parser = new Parser();
  parser.on('warn', ({ message }) => {
    throw new Error(message);
  });
  parser.push(text);
  parser.end();
  const strict = parse(text);
  if (!(strict instanceof types.MediaPlaylist)) {
    throw new TypeError('not a media playlist');
  }
  return { strict, parsed: parser.manifest };
}

describe('a media playlist', () => {
  test.each(FPS_NAMES)(
    'at %s numbers segments as the grid does and keeps sound beside picture',
    (fps) => {
      const broadcast = broadcastOf({ fps, broadcast: segmentNumber(896_999_999) });
      const timeline = timelineOf(broadcast, 20);
      const grid = gridOf(fps);
      const start = timeOfSegment(grid, broadcast.broadcast);
      const picture = read(media(timeline, 'v720'));
      const sound = read(media(timeline, 'a128'));
      for (const { strict, parsed } of [picture, sound]) {
        expect(strict.mediaSequenceBase).toBe(broadcast.broadcast);
        expect(strict.segments.map(({ uri }) => uri)).toEqual(
          timeline.segments.map(({ n }) => `${n}.m4s`),
        );
        expect(
          parsed.segments.every(({ duration }) => Math.round(duration) <= strict.targetDuration),
        ).toBe(true);
        expect(
          parsed.segments.every(({ map }) => /^init-[0-9a-f]{16}\.mp4$/.test(map?.uri ?? '')),
        ).toBe(true);
        expect(parsed.endList ?? false).toBe(false);
      }
      expect(picture.strict.segments[0]?.programDateTime?.getTime()).toBe(start);
      const soundStart = sound.strict.segments[0]?.programDateTime?.getTime() ?? 0;
      expect(soundStart - start).toBeGreaterThanOrEqual(0);
      expect(soundStart - start).toBeLessThan(22);
      const lengthOf = (parsed: Parser['manifest']): number =>
        parsed.segments.reduce((sum, segment) => sum + segment.duration, 0);
      expect(lengthOf(picture.parsed)).toBeCloseTo((20 * grid.segmentSamples) / 48_000, 5);
      expect(Math.abs(lengthOf(sound.parsed) - lengthOf(picture.parsed))).toBeLessThan(0.022);
    },
  );

  test('keeps players three target durations behind and lets them wait for the next segment, while it grows', () => {
    const timeline = timelineOf(broadcastOf({ fps: '30000/1001' }), 3);
    const { strict } = read(media(timeline, 'v720'));
    expect(strict.lowLatencyCompatibility).toMatchObject({
      canBlockReload: true,
      holdBack: 3 * strict.targetDuration,
    });
    expect(media(timeline, 'v720', { isEnded: true })).not.toContain('SERVER-CONTROL');
  });

  test('ends, and as a recording says so', () => {
    const timeline = timelineOf(broadcastOf(), 3);
    expect(read(media(timeline, 'v360', { isEnded: true })).parsed.endList).toBe(true);
    const vod = read(media(timeline, 'v360', { isEnded: true, isRecording: true, base: '../x/' }));
    expect(vod.parsed.playlistType).toBe('VOD');
    expect(vod.parsed.segments[0]?.uri).toBe(`../x/${timeline.broadcast.broadcast}.m4s`);
  });

  test('slides with the DVR window and never lists more', () => {
    const broadcast = broadcastOf({ dvrSeconds: 20 });
    const { strict } = read(media(timelineOf(broadcast, 100), 'v720'));
    expect(strict.segments).toHaveLength(10);
    expect(strict.mediaSequenceBase).toBe(broadcast.broadcast + 90);
  });

  test('marks a number that was lost as a gap and keeps the numbers of the others', () => {
    const timeline = timelineOf(broadcastOf(), 4);
    const segments = timeline.segments.filter(({ n }) => n !== timeline.broadcast.broadcast + 2);
    const text = media(timeline, 'v720', { segments, isEnded: true });
    const { strict } = read(text);
    expect(strict.segments).toHaveLength(4);
    expect(strict.segments.map(({ gap }) => gap === true)).toEqual([false, false, true, false]);
  });

  test('of a broadcast without segments is still one', () => {
    const text = media(startTimeline(broadcastOf()), 'v720');
    expect(text).toContain('#EXT-X-TARGETDURATION:2');
    expect(text).not.toContain('.m4s');
  });
});

describe('the multivariant playlist', () => {
  const timeline = timelineOf(broadcastOf({ fps: '30000/1001' }), 2);
  const text = multivariantPlaylist(timeline, ({ id }) => `${id}/1.m3u8`);

  test('names every picture, the highest first, with the sound as a group', () => {
    const parsed = parse(text);
    if (!(parsed instanceof types.MasterPlaylist)) {
      throw new TypeError('not a multivariant playlist');
    }
    expect(parsed.independentSegments).toBe(true);
    expect(parsed.variants.map(({ uri, resolution }) => [uri, resolution?.height])).toEqual([
      ['v720/1.m3u8', 720],
      ['v360/1.m3u8', 360],
    ]);
    for (const variant of parsed.variants) {
      expect(variant.audio.map(({ uri }) => uri)).toEqual(['a128/1.m3u8']);
      expect(variant.frameRate).toBe(29.97);
      expect(variant.averageBandwidth).toBeLessThanOrEqual(variant.bandwidth);
    }
    expect(parsed.variants.map(({ codecs }) => codecs)).toEqual([
      'avc1.64001f,mp4a.40.2',
      'avc1.64001e,mp4a.40.2',
    ]);
  });

  test('declares at least the rate limit before anything is measured higher', () => {
    const bandwidths = [...text.matchAll(/[:,]BANDWIDTH=(\d+)/g)].map((match) => Number(match[1]));
    expect(bandwidths[0]).toBeGreaterThanOrEqual(3_500_000 + 128_000);
    expect(bandwidths[1]).toBeGreaterThanOrEqual(900_000 + 128_000);
  });

  test('is read without a warning', () => {
    const parser = new Parser();
    const warnings: string[] = [];
    parser.on('warn', ({ message }) => warnings.push(message));
    parser.push(text);
    parser.end();
    expect(warnings).toEqual([]);
    expect(parser.manifest.playlists).toHaveLength(2);
    expect(parser.manifest.mediaGroups?.AUDIO['a128']?.['Main']?.uri).toBe('a128/1.m3u8');
  });
});
