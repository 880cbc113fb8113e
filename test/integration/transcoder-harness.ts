/** Drives the transcoder without queue and Redis: coded frames in, segments out and looked at. */
import type { AudioFrame, VideoFrame } from '#common/contracts/frame';
import { FRAME_FLAGS } from '#common/contracts/log';
import type { VideoRendition } from '#common/contracts/rendition';
import { aacFramesOf, type Grid } from '#common/grid';
import { readFragment } from '#common/mp4/read';
import { greatest, samplePosition, segmentNumber } from '#common/time';
import type { MadeSegment } from '../../transcoder/made-segment.ts';
import type { PictureSource } from '../../transcoder/picture-plan.ts';
import { openSlate } from '../../transcoder/slate.ts';
import type { SoundSource } from '../../transcoder/sound-plan.ts';
import type { Encoder } from '../../transcoder/transcode.ts';
import { readFrames } from '../helpers/decode.ts';
import { letterboxArea } from '../helpers/frame-stamp.ts';

/** A segment number of today. */
export const SEGMENT = 897_500_000;
/** ffmpeg as found by the shell. */
export const ENCODER: Encoder = {
  program: 'ffmpeg',
  arch: process.arch,
  limits: { wallMs: 30_000, memoryMiB: 4_096, outputBytes: 32 * 1024 * 1024 },
};
/** A ladder small enough to be quick. */
export const LADDER: readonly VideoRendition[] = [
  { kind: 'video', id: 'v180', width: 320, height: 180, maxBitrateBps: 600_000 },
  { kind: 'video', id: 'v120', width: 214, height: 120, maxBitrateBps: 300_000 },
].map((rendition) => ({
  ...rendition,
  kind: 'video',
  preset: 'veryfast',
  codecs: 'avc1.64001e',
}));

/** The slate's coded picture, as a store without one gets it. */
export function makeSlate(): Promise<Uint8Array> {
  let kept: Buffer | undefined;
  const store = {
    get: () => Promise.resolve(kept),
    put: (_key: string, body: Uint8Array) => {
      kept = Buffer.from(body);
      return Promise.resolve('stored' as const);
    },
  };
  return openSlate(store, ENCODER);
}

/** The span of a session that a segment needs: from the last start point at or before its first frame. */
export function sessionSource(
  grid: Grid,
  n: number,
  frames: readonly VideoFrame[],
  more: { from?: number; to?: number; late?: readonly number[] } = {},
): PictureSource {
  const first = n * grid.segmentFrames;
  const from = more.from ?? first;
  const to = more.to ?? first + grid.segmentFrames;
  const begin = frames.findLastIndex(
    ({ flags, index }) => (flags & FRAME_FLAGS.start) !== 0 && index <= from,
  );
  const last = frames.findLastIndex(({ index }) => index < to);
  return {
    kind: 'session',
    from,
    to,
    late: more.late ?? [],
    frames: frames.slice(Math.max(0, begin), last + 1),
  };
}

/** The sound of one run that segment `n` needs. */
export function runSource(grid: Grid, n: number, frames: readonly AudioFrame[]): SoundSource {
  const { origin = samplePosition(0), rate = 48_000, channels = 2 } = frames[0] ?? {};
  const { first, end } = aacFramesOf(grid, segmentNumber(n));
  const frameAt = (position: number): number =>
    Math.floor(((position - origin) * rate) / 48_000 / 1024);
  const from = greatest(origin, samplePosition(1024 * (first - 3)));
  const to = samplePosition(1024 * (end + 3));
  return {
    span: {
      session: 's',
      fromSeq: 0,
      toSeq: 0,
      fromChunk: segmentNumber(0),
      toChunk: segmentNumber(0),
      origin,
      rate,
      channels,
      firstK: Math.max(0, frameAt(from) - 7),
      lastK: Math.min(frames.length - 1, frameAt(to) + 1),
      from,
      to,
    },
    frames,
  };
}

/** Stamps of every picture of a rendition's segments, decoded together. */
export async function stampsOf(
  segments: readonly MadeSegment[],
  rendition: VideoRendition,
  sources: readonly { width: number; height: number }[] = [{ width: 320, height: 180 }],
): Promise<(number | undefined)[]> {
  const of = segments.filter((segment) => segment.rendition === rendition.id);
  const areas = sources.map((source) => letterboxArea(source, rendition));
  const input = [of[0]?.init ?? Buffer.alloc(0), ...of.map(({ data }) => data)];
  return (await readFrames(input, rendition, areas)).map(({ stamp }) => stamp);
}

/** Presentation times of a segment's frames, in frames of the grid since the epoch, sorted. */
export function placesOf(grid: Grid, data: Buffer): number[] {
  const info = readFragment(data);
  let dts = info.decodeTime;
  const places = info.durations.map((duration, i) => {
    const place = (dts + (info.compositionOffsets[i] ?? 0)) / grid.frameTicks;
    dts += duration;
    return place;
  });
  return places.toSorted((a, b) => a - b);
}

/** `count` numbers from `first`, one after another. */
export const numbers = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first + i);
