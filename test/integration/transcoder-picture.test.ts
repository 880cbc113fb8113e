import { describe, expect, test } from '@jest/globals';
import type { VideoFrame } from '#common/contracts/frame';
import { gridOf, type FpsName } from '#common/grid';
import { segmentNumber } from '#common/time';
import type { MadeSegment } from '../../transcoder/made-segment.ts';
import type { PictureSource } from '../../transcoder/picture-plan.ts';
import { openSlate } from '../../transcoder/slate.ts';
import { transcode } from '../../transcoder/transcode.ts';
import { codedVideo } from '../helpers/coded-frames.ts';
import { makeVideo } from './made-clips.ts';
import {
  ENCODER,
  LADDER,
  SEGMENT,
  numbers,
  placesOf,
  sessionSource,
  stampsOf,
} from './transcoder-harness.ts';

/** Frames of the source before the first segment. */
const LEAD = 7;

async function make(
  fps: FpsName,
  n: number,
  pictures: readonly PictureSource[],
): Promise<readonly MadeSegment[]> {
  const task = { n: segmentNumber(n), fps, renditions: [...LADDER] };
  return (await transcode(task, { pictures, sounds: [] }, ENCODER)).segments;
}

async function makeAll(fps: FpsName, frames: readonly VideoFrame[], count: number) {
  const grid = gridOf(fps);
  const segments: MadeSegment[] = [];
  for (let n = SEGMENT; n < SEGMENT + count; n += 1) {
    segments.push(...(await make(fps, n, [sessionSource(grid, n, frames)])));
  }
  return segments;
}

const place = (fps: FpsName): number => SEGMENT * gridOf(fps).segmentFrames - LEAD;

describe('pictures of any feed land on the grid', () => {
  const feeds: [string, FpsName, string][] = [
    ['2 s keyframes', '30', 'keyint=60:min-keyint=60:scenecut=0:bframes=0'],
    ['B-frames and one keyframe in 250', '25', 'keyint=250:bframes=3:b-pyramid=normal'],
    ['an open GOP', '30000/1001', 'keyint=45:min-keyint=45:scenecut=0:bframes=3:open-gop=1'],
    ['60 fps', '60', 'keyint=120:bframes=2'],
    ['24 fps with keyframes only', '24000/1001', 'keyint=1'],
  ];
  test.each(feeds)('%s at %s', async (_name, fps, x264) => {
    const grid = gridOf(fps);
    const count = 3;
    const total = count * grid.segmentFrames;
    const file = await makeVideo(LEAD + total + 4, x264);
    const segments = await makeAll(fps, codedVideo(file, place(fps)), count);
    for (const rendition of LADDER) {
      const own = segments.filter((segment) => segment.rendition === rendition.id);
      expect(new Set(own.map(({ init }) => init.toString('hex'))).size).toBe(1);
      expect(own.flatMap(({ data }) => placesOf(grid, data))).toEqual(
        numbers(SEGMENT * grid.segmentFrames, total),
      );
      expect(own[0]?.first).toBe(SEGMENT * grid.segmentFrames * grid.frameTicks);
      expect(own[0]?.end).toBe(own[1]?.first);
      expect(await stampsOf(segments, rendition)).toEqual(numbers(LEAD, total));
    }
  });

  test('an open GOP whose start lies before the segment loses its leading pictures and nothing else', async () => {
    const file = await makeVideo(
      130,
      'keyint=30:min-keyint=30:scenecut=0:bframes=3:b-adapt=0:open-gop=1',
    );
    const frames = codedVideo(file, place('30'));
    expect(frames.some(({ flags }) => flags === 1)).toBe(true);
    // From the second GOP on: decoding starts at an I frame that is no IDR.
    const second = frames.findIndex(({ flags }) => flags === 1);
    const rest = frames.slice(second);
    const grid = gridOf('30');
    const segments = await make('30', SEGMENT, [sessionSource(grid, SEGMENT, rest)]);
    // Before it there is no picture: its own is shown there.
    const start = (rest[0]?.index ?? 0) - place('30');
    const expected = numbers(LEAD, grid.segmentFrames).map((stamp) => Math.max(start, stamp));
    expect(start).toBeGreaterThan(LEAD);
    expect(await stampsOf(segments, LADDER[0] ?? fail())).toEqual(expected);
  });
});

function fail(): never {
  throw new Error('no such rendition');
}

describe('what a feed lacks is filled by the frame before', () => {
  const grid = gridOf('30');
  const [large = fail()] = LADDER;
  const first = SEGMENT * grid.segmentFrames;

  test('holes of a variable frame rate', async () => {
    const file = await makeVideo(110, 'keyint=250:bframes=2');
    // Every fifth place has no frame.
    const frames = codedVideo(file, first - 10, (i) => i + Math.floor(i / 4));
    const segments = await make('30', SEGMENT, [sessionSource(grid, SEGMENT, frames)]);
    const expected = numbers(10, 60).map((at) => 4 * Math.floor(at / 5) + Math.min(3, at % 5));
    expect(await stampsOf(segments, large)).toEqual(expected);
  });

  test('a hole at the beginning, and a feed that ends within the segment', async () => {
    const file = await makeVideo(40, 'keyint=250:bframes=2');
    const frames = codedVideo(file, first - 20, (i) => (i < 15 ? i : i + 10));
    const segments = await make('30', SEGMENT, [sessionSource(grid, SEGMENT, frames)]);
    const expected = [
      ...Array.from({ length: 5 }, () => 14),
      ...numbers(15, 25),
      ...Array.from({ length: 30 }, () => 39),
    ];
    expect(await stampsOf(segments, large)).toEqual(expected);
  });

  test('hold: no frame of the segment at all', async () => {
    const file = await makeVideo(40, 'keyint=250:bframes=2');
    const frames = codedVideo(file, first - 100);
    const held = sessionSource(grid, SEGMENT, frames, { from: first - 71, to: first - 70 });
    const segments = await make('30', SEGMENT, [held]);
    expect(await stampsOf(segments, large)).toEqual(Array.from({ length: 60 }, () => 29));
  });

  test('hold of a picture that is decoded alone', async () => {
    const file = await makeVideo(40, 'keyint=20:min-keyint=20:scenecut=0:bframes=0');
    const frames = codedVideo(file, first - 100).slice(20);
    const held = sessionSource(grid, SEGMENT, frames, { from: first - 80, to: first - 79 });
    const segments = await make('30', SEGMENT, [held]);
    expect(await stampsOf(segments, large)).toEqual(Array.from({ length: 60 }, () => 20));
  });

  test('late frames are decoded and not shown', async () => {
    const file = await makeVideo(90, 'keyint=250:bframes=0');
    const frames = codedVideo(file, first - 10);
    const late = frames.filter(({ index }) => index >= first + 20 && index < first + 30);
    const source = sessionSource(grid, SEGMENT, frames, { late: late.map(({ seq }) => seq) });
    const segments = await make('30', SEGMENT, [source]);
    const expected = numbers(10, 60).map((stamp) => (stamp >= 30 && stamp < 40 ? 29 : stamp));
    expect(await stampsOf(segments, large)).toEqual(expected);
  });

  test('of two frames in one place the later is shown', async () => {
    const file = await makeVideo(150, 'keyint=60:bframes=0');
    const frames = codedVideo(file, first - 5, (i) => Math.floor(i / 2));
    const segments = await make('30', SEGMENT, [sessionSource(grid, SEGMENT, frames)]);
    expect(await stampsOf(segments, large)).toEqual(numbers(5, 60).map((at) => 2 * at + 1));
  });
});

describe('one segment of several sources', () => {
  const grid = gridOf('30');
  const [large = fail(), small = fail()] = LADDER;
  const first = SEGMENT * grid.segmentFrames;

  test('two sessions of different shape are letterboxed into one encoding', async () => {
    const wide = await makeVideo(60, 'keyint=250:bframes=2');
    const size = { width: 240, height: 180 };
    const other = await makeVideo(60, 'keyint=20:bframes=2:open-gop=1', size, 1000);
    const a = codedVideo(wide, first - 10);
    const b = codedVideo(other, first + 5);
    const sources = [
      sessionSource(grid, SEGMENT, a, { to: first + 30 }),
      sessionSource(grid, SEGMENT, b, { from: first + 30 }),
    ];
    const segments = await make('30', SEGMENT, sources);
    const plain = await make('30', SEGMENT, [sessionSource(grid, SEGMENT, a)]);
    for (const rendition of [large, small]) {
      expect((await stampsOf(segments, rendition)).slice(0, 30)).toEqual(numbers(10, 30));
      const later = await stampsOf(segments, rendition, [size]);
      expect(later.slice(30)).toEqual(numbers(1025, 30));
    }
    expect(segments.map(({ init }) => init)).toEqual(plain.map(({ init }) => init));
  });

  test('a picture that changes size within the session', async () => {
    const size = { width: 160, height: 180 };
    const a = codedVideo(await makeVideo(40, 'keyint=250:bframes=2'), first - 10);
    const b = codedVideo(
      await makeVideo(60, 'keyint=250:bframes=2', size, 40),
      first + 30,
      undefined,
      100,
    );
    const frames = [...a, ...b];
    const to = first + grid.segmentFrames;
    const segments = await make('30', SEGMENT, [
      { kind: 'session', from: first, to, late: [], frames },
    ]);
    expect((await stampsOf(segments, large)).slice(0, 30)).toEqual(numbers(10, 30));
    expect((await stampsOf(segments, large, [size])).slice(30)).toEqual(numbers(40, 30));
  });

  test('a session, then the slate, then another session', async () => {
    const kept = new Map<string, Buffer>();
    const store = {
      get: (key: string) => Promise.resolve(kept.get(key)),
      put: (key: string, body: Uint8Array) => {
        kept.set(key, Buffer.from(body));
        return Promise.resolve('stored' as const);
      },
    };
    const slate = await openSlate(store, ENCODER);
    expect(await openSlate(store, ENCODER)).toEqual(slate);
    const a = codedVideo(await makeVideo(30, 'keyint=250:bframes=2'), first - 10);
    const b = codedVideo(await makeVideo(40, 'keyint=250:bframes=2', undefined, 500), first + 40);
    const segments = await make('30', SEGMENT, [
      sessionSource(grid, SEGMENT, a, { to: first + 20 }),
      { kind: 'slate', from: first + 25, data: slate },
      sessionSource(grid, SEGMENT, b, { from: first + 40 }),
    ]);
    const stamps = await stampsOf(segments, large);
    expect(stamps).toEqual([
      ...numbers(10, 20),
      ...Array.from({ length: 5 }, () => 29),
      ...Array.from({ length: 15 }, () => undefined),
      ...numbers(500, 20),
    ]);
  });

  test('nothing to show is an error that may pass', async () => {
    await expect(make('30', SEGMENT, [sessionSource(grid, SEGMENT, [])])).rejects.toMatchObject({
      code: 'INPUT_MISSING',
    });
  });
});
