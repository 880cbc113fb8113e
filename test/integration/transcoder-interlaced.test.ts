/** @takes-seconds 20 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { VideoFrame } from '#common/contracts/frame';
import type { Profile } from '#common/contracts/channel';
import { FRAME_FLAGS } from '#common/contracts/log';
import { frameIndex, segmentNumber } from '#common/time';
import { gridOf, type FpsName, type Grid } from '#common/grid';
import type { MadeSegment } from '../../transcoder/made-segment.ts';
import type { PictureSource } from '../../transcoder/picture-plan.ts';
import { SegmentPicturesRun } from '../../transcoder/early/segment-pictures.ts';
import { SessionPictures } from '../../transcoder/early/session-pictures.ts';
import { decodeSlate } from '../../transcoder/early/slate-picture.ts';
import { transcode, transcodeFragments } from '../../transcoder/transcode.ts';
import { FeedSource } from '../../ingest/feed/feed-source.ts';
import { runOk } from '../helpers/child.ts';
import { codedVideo } from '../helpers/coded-frames.ts';
import { fieldConfiguration, fieldPictures } from '../helpers/field-pictures.ts';
import { drawMoments, encodeMoments, lumaOf, psnr, recognise } from '../helpers/moments.ts';
import { ENCODER, LADDER, SEGMENT, makeSlate, numbers, placesOf } from './transcoder-harness.ts';

const SIZE = { width: 320, height: 192 };
const folder = mkdtempSync(path.join(tmpdir(), 'touchline-interlaced-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
/** Both ways of making frames of fields are given the same ones: what is made is kept, by what it is made of. */
const files = new Map<string, Promise<string>>();
const RENDITIONS = LADDER.slice(0, 1).map((rendition) => ({ ...rendition, ...SIZE }));

const MOMENTS = drawMoments(SIZE, 341);
/** The first of them, drawn once. */
const drawn = (count: number): Uint8Array[] => {
  expect(count).toBeLessThanOrEqual(MOMENTS.length);
  return MOMENTS.slice(0, count);
};
const makeFields = (
  name: string,
  count: number,
  isTopFirst: boolean,
  x264: string,
): Promise<string> => {
  const file = path.join(folder, `${name}.mp4`);
  const fields = isTopFirst ? 'top first' : 'bottom first';
  const made =
    files.get(name) ?? encodeMoments(file, drawn(count), SIZE, { rate: '50', x264, fields });
  files.set(name, made);
  return made;
};
const lumaOfSegments = (segments: readonly MadeSegment[]): Promise<Uint8Array[]> =>
  lumaOf([segments[0]?.init ?? Buffer.alloc(0), ...segments.map(({ data }) => data)], SIZE);

/** For each picture the number of the moment that it is most like, and how like. */
function recognised(
  pictures: readonly Uint8Array[],
  moments: readonly Uint8Array[],
  lead: number,
): { readonly shown: number[]; readonly psnr: number[] } {
  const found = pictures.map((luma, i) =>
    recognise(
      luma,
      SIZE,
      moments,
      [0, 1, -1, 2, -2, 3, -3, 4, -4].map((by) => lead + i + by),
    ),
  );
  return { shown: found.map(({ moment }) => moment), psnr: found.map(({ db }) => db) };
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
    kind: 'session',
    from,
    to,
    late: [],
    frames: frames.slice(Math.max(0, begin), last + 1),
  };
}

/** How fields become frames: by their neighbours' help, or each by itself, which sees less. */
const WAYS = [
  { profile: 'standard', leastDb: 35, helpDb: 2 },
  { profile: 'low', leastDb: 32, helpDb: 2 },
] as const satisfies readonly { readonly profile: Profile; readonly [key: string]: unknown }[];

async function make(
  fps: FpsName,
  n: number,
  pictures: readonly PictureSource[],
  profile: Profile,
): Promise<readonly MadeSegment[]> {
  const task = { n: segmentNumber(n), fps, profile, renditions: [...RENDITIONS] };
  const input = { pictures, sounds: [] };
  const { signal } = new AbortController();
  const made =
    profile === 'standard'
      ? await transcode(task, input, ENCODER, signal)
      : await transcodeFragments(task, input, ENCODER, {
          signal,
          slate: async (size) => decodeSlate(await makeSlate(), size, ENCODER, signal),
        });
  return made.segments;
}

async function makeAll(
  grid: Grid,
  frames: readonly VideoFrame[],
  count: number,
  profile: Profile,
): Promise<MadeSegment[]> {
  const segments: MadeSegment[] = [];
  for (let n = SEGMENT; n < SEGMENT + count; n += 1) {
    segments.push(...(await make(grid.name, n, [fieldSource(grid, n, frames)], profile)));
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
            kind: 'video',
            seq,
            dts: seq,
            flags: packet.flags,
            data: packet.data,
            index: frameIndex(firstIndex + packet.pts / 20),
          },
        ]
      : [],
  );
}

describe.each(WAYS)('field pictures in $profile', ({ profile, leastDb }) => {
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
    const segments = await makeAll(grid, frames, 2, profile);
    const seen = recognised(await lumaOfSegments(segments), moments, lead);
    expect(seen.shown).toEqual(numbers(lead, 200));
    expect(Math.min(...seen.psnr)).toBeGreaterThan(leastDb);
  });
});

describe.each(WAYS)('pictures of two fields in $profile', ({ profile, leastDb, helpDb }) => {
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
    const segments = await makeAll(grid, frames, count, profile);
    expect(segments.flatMap(({ data }) => placesOf(grid, data))).toEqual(
      numbers(SEGMENT * 100, 100 * count),
    );
    const seen = recognised(await lumaOfSegments(segments), drawn(lead + 100 * count + 20), lead);
    expect(seen.shown).toEqual(numbers(lead, 100 * count));
    // Rows of two moments in one picture would be far below, and so would lines made up without the neighbours' help.
    const isAtJoin = (i: number): boolean => i % 100 < 2 || i % 100 >= 98;
    const away = seen.psnr.filter((_, i) => !isAtJoin(i));
    const joins = seen.psnr.filter((_, i) => isAtJoin(i));
    expect(Math.min(...away)).toBeGreaterThan(leastDb);
    expect(Math.min(...joins)).toBeGreaterThan(Math.min(...away) - 0.5);
  });

  test('are made into the same bytes wherever decoding began', async () => {
    const grid = gridOf('50');
    const file = await makeFields('starts', 330, true, 'keyint=40:min-keyint=40:bframes=2');
    const frames = codedVideo(file, SEGMENT * 100 - 131, (n) => 2 * n);
    const near = fieldSource(grid, SEGMENT, frames);
    const far = near.kind === 'session' ? { ...near, frames } : near;
    const [a, b] = [
      await make('50', SEGMENT, [near], profile),
      await make('50', SEGMENT, [far], profile),
    ];
    expect(near.kind === 'session' && near.frames.length).toBeLessThan(frames.length);
    expect(a[0]?.data.equals(b[0]?.data ?? Buffer.alloc(0))).toBe(true);
  });

  test('are held by their second field, in the segment where they end and in those after it', async () => {
    for (const odd of [0, 1]) {
      const grid = gridOf('50');
      const first = SEGMENT * 100;
      const lead = 20 + odd;
      const file = await makeFields(`held-${odd}`, 120, true, 'keyint=250:bframes=2');
      const frames = codedVideo(file, first - lead, (n) => 2 * n);
      const last = 120 - lead - 1;
      const gapFrom = first + 120 - lead + 10;
      const opening = fieldSource(grid, SEGMENT, frames);
      // The task of a hold: the last frame, and the one before it to deinterlace it with.
      const held: PictureSource = {
        kind: 'session',
        from: first + last - 1,
        to: gapFrom,
        late: [],
        frames,
      };
      const segments = [
        ...(await make('50', SEGMENT, [opening], profile)),
        ...(await make('50', SEGMENT + 1, [held], profile)),
      ];
      const luma = await lumaOfSegments(segments);
      const seen = recognised(luma.slice(0, last + 1), drawn(120), lead);
      expect(seen.shown).toEqual(numbers(lead, last + 1));
      const [field = new Uint8Array(), final = new Uint8Array()] = drawn(120).slice(-2);
      const hold = luma.slice(last);
      expect(hold).toHaveLength(200 - last);
      // There is no next field to help, so the lines in between are less sure than elsewhere.
      expect(
        hold.every((picture) => psnr(picture, final, SIZE) > psnr(picture, field, SIZE) + helpDb),
      ).toBe(true);
    }
  });

  test('are held by their second field until another session begins within a later segment', async () => {
    const first = SEGMENT * 100;
    const moments = drawn(140);
    const file = await makeFields('resumed', 140, true, 'keyint=60:min-keyint=60:bframes=0');
    // Fields 18 and 19 are the last before the gap; those from 80 on come 10 places into the segment.
    const before: PictureSource = {
      kind: 'session',
      from: first - 40,
      to: first - 38,
      late: [],
      frames: codedVideo(file, first - 58, (n) => 2 * n).slice(0, 10),
    };
    const after: PictureSource = {
      kind: 'session',
      from: first + 10,
      to: first + 100,
      late: [],
      frames: codedVideo(file, first - 110, (n) => 2 * n).slice(60),
    };
    const luma = await lumaOfSegments(await make('50', SEGMENT, [before, after], profile));
    const held = luma
      .slice(0, 10)
      .map((picture) => recognise(picture, SIZE, moments, numbers(14, 12)).moment);
    expect(held).toEqual(Array.from({ length: 10 }, () => 19));
    expect(recognised(luma.slice(10, 30), moments, 120).shown).toEqual(numbers(120, 20));
  });

  test('keep their lines and their shape behind the slate, which has others', async () => {
    const first = SEGMENT * 100;
    const begin = first + 11;
    const moments = drawn(120);
    const file = await makeFields('after-slate', 120, true, 'keyint=60:bframes=2');
    const frames = codedVideo(file, begin, (n) => 2 * n);
    const slate: PictureSource = { kind: 'slate', from: first, data: await makeSlate() };
    const fields = { ...fieldSource(gridOf('50'), SEGMENT, frames), from: begin };
    const luma = await lumaOfSegments(await make('50', SEGMENT, [slate, fields], profile));
    const seen = recognised(luma.slice(11), moments, 0);
    expect(seen.shown).toEqual(numbers(0, 89));
    expect(Math.min(...seen.psnr)).toBeGreaterThan(leastDb - 1);
  });

  test.each([
    ['of the same size', SIZE],
    ['of another size', { width: 160, height: 96 }],
  ])('and progressive ones %s may follow one another within a segment', async (_name, size) => {
    const first = SEGMENT * 100;
    const moments = drawn(140);
    const fields = await makeFields(`mixed-${size.width}`, 140, true, 'keyint=250:bframes=2');
    const progressive = path.join(folder, `progressive-${profile}-${size.width}.mp4`);
    await runOk(
      'ffmpeg',
      [
        ...['-v', 'error', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-r', '50'],
        ...['-s', `${SIZE.width}x${SIZE.height}`, '-i', 'pipe:0'],
        ...['-vf', `scale=${size.width}:${size.height}`, '-c:v', 'libx264', '-crf', '12'],
        ...['-preset', 'veryfast', progressive],
      ],
      { input: moments },
    );
    const span = (file: string, stride: number, from: number, to: number): PictureSource => ({
      kind: 'session',
      from: first + from,
      to: first + to,
      late: [],
      frames: codedVideo(file, first - 20, (n) => stride * n),
    });
    const made = [
      await make('50', SEGMENT, [span(fields, 2, 0, 40), span(progressive, 1, 40, 100)], profile),
      await make('50', SEGMENT, [span(progressive, 1, 0, 40), span(fields, 2, 40, 100)], profile),
      await make(
        '50',
        SEGMENT,
        [span(fields, 2, 0, 30), span(progressive, 1, 30, 60), span(fields, 2, 60, 100)],
        profile,
      ),
    ];
    for (const segments of made) {
      expect(recognised(await lumaOfSegments(segments), moments, 20).shown).toEqual(
        numbers(20, 100),
      );
    }
  });
});

test('pictures of two fields on time are two frames, out before the next picture has come, and the bytes of later', async () => {
  const grid = gridOf('50');
  const first = frameIndex(SEGMENT * 100);
  const n = segmentNumber(SEGMENT);
  const file = await makeFields('on-time', 140, true, 'keyint=250:bframes=0');
  const frames = codedVideo(file, first - 21, (at) => 2 * at);
  const size = { width: SIZE.width, height: SIZE.height };
  const made: Buffer[] = [];
  let wake = (): void => undefined;
  const { signal } = new AbortController();
  const pictures = new SessionPictures({
    encoder: ENCODER,
    size,
    signal,
    onChange: () => {
      run.advance();
      pictures.forgetBefore(run.wantedFrom('s', pictures));
    },
  });
  const decode = { session: 's', fromSeq: 0, fromChunk: n };
  const place = frames[0]?.index ?? first;
  const run = new SegmentPicturesRun(
    { grid, profile: 'instant', n, renditions: RENDITIONS, size },
    { kind: 'frame', session: 's', place, seq: frames[0]?.seq ?? 0 },
    {
      encoder: ENCODER,
      signal,
      find: (source) => (source.kind === 'frame' ? pictures.find(source.seq) : { state: 'lost' }),
      onFragment: ({ bytes }) => {
        made.push(bytes);
        wake();
      },
      onTaken: () => undefined,
    },
  );
  for (const { index, seq, ...frame } of frames.slice(0, 61)) {
    pictures.feed({ ...frame, index, seq });
    const to = frameIndex(index + 2);
    const shown = [{ kind: 'frame', place: index, seq } as const];
    run.tell({ t: 'pictures', broadcast: n, from: index, to, decode, shown });
    // A picture at an odd place is the end of one fragment and the beginning of the next.
    while (made.length < Math.floor((to - first) / 2)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  await run.finished();
  await pictures.close();
  const [later] = await make('50', SEGMENT, [fieldSource(grid, SEGMENT, frames)], 'instant');
  expect(later?.data.equals(Buffer.concat(made))).toBe(true);
});

test.each(['standard', 'low'] as const)(
  'a progressive picture whose sequence allows fields is left as it is in %s',
  async (profile) => {
    const file = path.join(folder, `allowed-${profile}.mp4`);
    const x264 = 'fake-interlaced=1:keyint=250';
    await encodeMoments(file, drawn(130), SIZE, { rate: '50', fields: 'none', x264 });
    const frames = codedVideo(file, SEGMENT * 100 - 10);
    expect(frames.some(({ flags }) => (flags & FRAME_FLAGS.fields) !== 0)).toBe(false);
    const segments = await make(
      '50',
      SEGMENT,
      [fieldSource(gridOf('50'), SEGMENT, frames)],
      profile,
    );
    const seen = recognised(await lumaOfSegments(segments), drawn(130), 10);
    expect(seen.shown).toEqual(numbers(10, 100));
  },
);
