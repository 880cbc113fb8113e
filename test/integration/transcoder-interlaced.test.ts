import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { VideoFrame } from '#common/contracts/frame';
import { FRAME_FLAGS } from '#common/contracts/log';
import { frameIndex } from '#common/time';
import { gridOf, type FpsName, type Grid } from '#common/grid';
import type { MadeSegment } from '../../transcoder/made-segment.ts';
import type { PictureSource } from '../../transcoder/picture-plan.ts';
import { transcode } from '../../transcoder/transcode.ts';
import { FeedSource } from '../../ingest/feed/feed-source.ts';
import { runOk } from '../helpers/child.ts';
import { codedVideo } from '../helpers/coded-frames.ts';
import { fieldConfiguration, fieldPictures } from '../helpers/field-pictures.ts';
import { drawFrames } from '../helpers/picture.ts';
import { ENCODER, LADDER, SEGMENT, numbers, placesOf } from './transcoder-harness.ts';

const SIZE = { width: 320, height: 192 };
const folder = mkdtempSync(path.join(tmpdir(), 'touchline-interlaced-'));
const RENDITIONS = LADDER.slice(0, 1).map((rendition) => ({ ...rendition, ...SIZE }));

/** The moving picture without its stamp, which is too fine for lines that are made up. */
const drawn = (count: number): Uint8Array[] => [
  ...drawFrames({ ...SIZE, frames: count, flashes: new Set(), seed: 5 }),
];
const FROM_ROW = 60;
const ROWS = SIZE.height - FROM_ROW;

/** Luma of every picture of the segments, decoded together. */
async function lumaOf(segments: readonly MadeSegment[]): Promise<Uint8Array[]> {
  const { stdout } = await runOk(
    'ffmpeg',
    [
      '-v',
      'error',
      '-f',
      'mp4',
      '-i',
      'pipe:0',
      '-fps_mode',
      'passthrough',
      '-vf',
      'extractplanes=y',
      '-f',
      'rawvideo',
      'pipe:1',
    ],
    { input: [segments[0]?.init ?? Buffer.alloc(0), ...segments.map(({ data }) => data)] },
  );
  const size = SIZE.width * SIZE.height;
  return Array.from({ length: stdout.length / size }, (_, i) =>
    stdout.subarray(i * size, (i + 1) * size),
  );
}

/** Signal to noise of one luma against another, dB. */
function psnr(luma: Uint8Array, original: Uint8Array): number {
  let sum = 0;
  for (let i = FROM_ROW * SIZE.width; i < SIZE.width * SIZE.height; i += 1) {
    sum += ((luma[i] ?? 0) - (original[i] ?? 0)) ** 2;
  }
  return 10 * Math.log10((255 * 255 * ROWS * SIZE.width) / Math.max(sum, 1));
}

/** For each picture the number of the drawn one that it is most like, and how like. */
function recognise(
  pictures: readonly Uint8Array[],
  originals: readonly Uint8Array[],
  lead: number,
): { readonly shown: number[]; readonly psnr: number[] } {
  const found = pictures.map((luma, i) => {
    const near = [-4, -3, -2, -1, 0, 1, 2, 3, 4].flatMap((by) => {
      const original = originals[lead + i + by];
      return original === undefined ? [] : [{ number: lead + i + by, db: psnr(luma, original) }];
    });
    return near.reduce((best, other) => (other.db > best.db ? other : best));
  });
  return { shown: found.map(({ number }) => number), psnr: found.map(({ db }) => db) };
}

/** Fields, each a picture of its own moment with a stamp of its own, in frames as x264 codes them (MBAFF). */
async function makeFields(
  name: string,
  fields: number,
  isTopFirst: boolean,
  x264: string,
): Promise<string> {
  const file = path.join(folder, `${name}.mp4`);
  await runOk(
    'ffmpeg',
    [
      ...['-v', 'error', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-r', '50'],
      ...['-s', `${SIZE.width}x${SIZE.height}`, '-i', 'pipe:0'],
      ...['-vf', `tinterlace=interleave_${isTopFirst ? 'top' : 'bottom'}`],
      ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '12', '-flags', '+ilme+ildct'],
      ...['-x264-params', `${isTopFirst ? 'tff' : 'bff'}=1:${x264}`, file],
    ],
    { input: drawFrames({ ...SIZE, frames: fields, flashes: new Set(), seed: 5 }) },
  );
  return file;
}

/** A segment's span with the pictures around it, as the scheduler names them for fields. */
function fieldSource(grid: Grid, n: number, frames: readonly VideoFrame[]): PictureSource {
  const first = n * grid.segmentFrames;
  const to = first + grid.segmentFrames;
  const indices = frames.map(({ index }) => index as number).toSorted((a, b) => a - b);
  const from = indices.findLast((index) => index <= first) ?? indices[0] ?? first;
  const before = indices.findLast((index) => index < from) ?? from;
  const after = indices.find((index) => index >= to) ?? to;
  const begin = frames.findLastIndex(
    ({ flags, index }) => (flags & FRAME_FLAGS.start) !== 0 && index <= before,
  );
  const last = frames.findLastIndex(({ index }) => index <= after);
  return {
    ...{ kind: 'session', from, to, late: [] },
    frames: frames.slice(Math.max(0, begin), last + 1),
  };
}

const make = async (
  fps: FpsName,
  n: number,
  pictures: readonly PictureSource[],
): Promise<readonly MadeSegment[]> =>
  (await transcode({ n, fps, renditions: [...RENDITIONS] }, { pictures, sounds: [] }, ENCODER))
    .segments;

async function makeAll(
  grid: Grid,
  frames: readonly VideoFrame[],
  count: number,
): Promise<MadeSegment[]> {
  const segments: MadeSegment[] = [];
  for (let n = SEGMENT; n < SEGMENT + count; n += 1) {
    segments.push(...(await make(grid.name, n, [fieldSource(grid, n, frames)])));
  }
  return segments;
}

/** Field pictures as ingest takes them out of FLV, each a message, or both of a frame in one. */
function ingestedFields(
  moments: readonly Uint8Array[],
  firstIndex: number,
  { isTopFirst, isJoined }: { readonly isTopFirst: boolean; readonly isJoined: boolean },
): VideoFrame[] {
  const source = new FeedSource();
  const sequence = Buffer.of(0x17, 0, 0, 0, 0);
  source.take('video', 0, Buffer.concat([sequence, fieldConfiguration(SIZE)]), 0);
  const fields = [...fieldPictures(moments, SIZE, { isTopFirst, keyframeEvery: 30 })];
  const samples = isJoined
    ? fields.flatMap((field, i) =>
        i % 2 === 1 ? [Buffer.concat([fields[i - 1] ?? field, field])] : [],
      )
    : fields;
  const every = isJoined ? 40 : 20;
  const packets = samples.flatMap((sample, i) => {
    const tag = Buffer.concat([Buffer.of(0x17, 1, 0, 0, 0), sample]);
    return source.take('video', i * every, tag, i * every) ?? [];
  });
  return packets.flatMap((packet, seq) =>
    packet.kind === 'video'
      ? [
          {
            ...{ kind: 'video', seq, dts: seq, flags: packet.flags, data: packet.data },
            index: frameIndex(firstIndex + packet.pts / 20),
          },
        ]
      : [],
  );
}

describe('field pictures', () => {
  test.each([
    ['top first, each in a message of its own', true, false],
    ['bottom first, each in a message of its own', false, false],
    ['top first, both of a frame in one message', true, true],
  ])('%s, are joined and become a picture each', async (_name, isTopFirst, isJoined) => {
    const grid = gridOf('50');
    const lead = 11;
    const moments = drawn(lead + 200 + 20);
    const frames = ingestedFields(moments, SEGMENT * 100 - lead, { isTopFirst, isJoined });
    expect(frames.length).toBe(Math.floor(moments.length / 2));
    expect(new Set(frames.map(({ flags }) => flags & FRAME_FLAGS.fields))).toEqual(
      new Set([FRAME_FLAGS.fields]),
    );
    const segments = await makeAll(grid, frames, 2);
    const seen = recognise(await lumaOf(segments), moments, lead);
    expect(seen.shown).toEqual(numbers(lead, 200));
    expect(Math.min(...seen.psnr)).toBeGreaterThan(35);
  });
});

describe('pictures of two fields', () => {
  test.each<[string, boolean, string, number]>([
    ['top first, keyframes at the segments', true, 'keyint=50:min-keyint=50:bframes=2', 0],
    ['bottom first, at an odd place', false, 'keyint=250:bframes=0', 1],
    ['top first, in an open GOP', true, 'keyint=30:scenecut=0:bframes=3:open-gop=1', 1],
  ])('%s, become a picture each, in order', async (name, isTopFirst, x264, odd) => {
    const grid = gridOf('50');
    const lead = 20 + odd;
    const count = 3;
    const file = await makeFields(
      name.slice(0, 8) + odd,
      lead + 100 * count + 20,
      isTopFirst,
      x264,
    );
    const frames = codedVideo(file, SEGMENT * 100 - lead, (n) => 2 * n);
    expect(frames.every(({ flags }) => (flags & FRAME_FLAGS.fields) !== 0)).toBe(true);
    const segments = await makeAll(grid, frames, count);
    expect(segments.flatMap(({ data }) => placesOf(grid, data))).toEqual(
      numbers(SEGMENT * 100, 100 * count),
    );
    const seen = recognise(await lumaOf(segments), drawn(lead + 100 * count + 20), lead);
    expect(seen.shown).toEqual(numbers(lead, 100 * count));
    // Rows of two moments in one picture would be far below, and so would lines made up without the neighbours' help.
    const isAtJoin = (i: number): boolean => i % 100 < 2 || i % 100 >= 98;
    const away = seen.psnr.filter((_, i) => !isAtJoin(i));
    const joins = seen.psnr.filter((_, i) => isAtJoin(i));
    expect(Math.min(...away)).toBeGreaterThan(35);
    expect(Math.min(...joins)).toBeGreaterThan(Math.min(...away) - 0.5);
  });
});
