/** A feed of which one track is lost for a while, and what viewers see and hear of it. */
import { AAC_FRAME_SAMPLES, aacFramesOf, gridOf, type FpsName } from '#common/grid';
import { segmentNumber } from '#common/time';
import { downloadBroadcast, type ListedRendition } from './broadcast-download.ts';
import { readFrames, readSound } from './decode.ts';
import { FLV_TAG, isSequenceHeader, type FlvTag } from './flv.ts';
import { letterboxArea } from './frame-stamp.ts';
import { readSegmentTiming } from './segment-timing.ts';
import { fitTone, JOIN_REACH, noiseAround, type NoiseReport } from './sound-report.ts';
import type { Clip } from './sources.ts';

/** Milliseconds of the feed's time. */
export interface Hole {
  readonly fromMs: number;
  readonly toMs: number;
  /** Keyframes come all the same, as from an encoder under congestion. */
  readonly hasKeyframes?: boolean;
}

const isPicture = (tag: FlvTag): boolean => tag.type === FLV_TAG.video && !isSequenceHeader(tag);
/** FrameType 1 (FLV 10.1 §E.4.3.1). */
const isKeyframe = (tag: FlvTag): boolean => (tag.data[0] ?? 0) >> 4 === 1;

/** Keeps all but the pictures of holes; each of these ends with the first keyframe after it. */
export function losingPictures(holes: readonly Hole[]): (tag: FlvTag) => boolean {
  let open: Hole | undefined;
  return (tag) => {
    if (!isPicture(tag)) {
      return true;
    }
    const at = tag.timestamp;
    if (open !== undefined && at >= open.toMs && isKeyframe(tag)) {
      open = undefined;
    }
    open ??= holes.find(({ fromMs, toMs }) => at >= fromMs && at < toMs);
    return open === undefined || (open.hasKeyframes === true && isKeyframe(tag));
  };
}

/** Keeps all but the sound of holes. */
export const losingSound =
  (holes: readonly Hole[]) =>
  (tag: FlvTag): boolean =>
    tag.type !== FLV_TAG.audio ||
    isSequenceHeader(tag) ||
    !holes.some(({ fromMs, toMs }) => tag.timestamp >= fromMs && tag.timestamp < toMs);

/** What a recording with a steady tone is like. */
export interface TracksReport {
  /** The source frame shown in each place; undefined for the slate. */
  readonly stamps: readonly (number | undefined)[];
  /** Noise in every stretch of {@link JOIN_REACH} to both sides, the tone being the signal: silence counts 0 dB. */
  readonly sound: NoiseReport;
  /** The same, around the places where segments join. */
  readonly joins: NoiseReport;
  /** Decoded sound, and how many samples after the beginning of the pictures it begins. */
  readonly pcm: Float32Array;
  readonly start: number;
}

/** Downloads a recording of one picture and one sound rendition. */
export async function reportTracks(url: string, fps: FpsName, clip: Clip): Promise<TracksReport> {
  const grid = gridOf(fps);
  const { renditions } = await downloadBroadcast(url);
  const picture = renditions.find(({ id }) => id.startsWith('v'));
  const sound = renditions.find(({ id }) => id.startsWith('a'));
  const n = picture?.segments[0]?.n ?? 0;
  const init = picture?.inits[0]?.data ?? Buffer.alloc(0);
  const size = readSegmentTiming(n, init, picture?.segments[0]?.data ?? Buffer.alloc(0));
  const areas = clip.recipe.sizes.map((source) => letterboxArea(source, size));
  const seen = await readFrames(bytesOf(picture), size, areas);
  const pcm = await readSound(bytesOf(sound));
  const firstOf = (number: number): number =>
    AAC_FRAME_SAMPLES * aacFramesOf(grid, segmentNumber(number)).first;
  const start = firstOf(n) - n * grid.segmentSamples;
  // The publisher's first and last moments are not on air as a whole.
  const begin = 9_600;
  const end = soundEnd(pcm) - 9_600;
  const reference = fitTone(pcm, 48_000, begin, end);
  const inside = (at: number): boolean => at - JOIN_REACH >= begin && at + JOIN_REACH <= end;
  const everywhere = Array.from(
    { length: Math.floor(pcm.length / (2 * JOIN_REACH)) },
    (_, i) => (2 * i + 1) * JOIN_REACH,
  );
  const joins = (sound?.segments ?? []).map((segment) => firstOf(segment.n) - firstOf(n));
  return {
    stamps: seen.map(({ stamp }) => stamp),
    sound: noiseAround(pcm, reference, everywhere.filter(inside)),
    joins: noiseAround(pcm, reference, joins.filter(inside)),
    pcm,
    start,
  };
}

const bytesOf = (rendition: ListedRendition | undefined): Buffer[] => [
  ...(rendition?.inits.map(({ data }) => data) ?? []),
  ...(rendition?.segments.map(({ data }) => data) ?? []),
];

/** The last sample that is not silence. */
function soundEnd(pcm: Float32Array): number {
  return pcm.findLastIndex((value) => Math.abs(value) > 0.05);
}

/** Samples of silence in a row, the longest such stretch between two samples, in seconds. */
export function longestSilence(pcm: Float32Array, from: number, to: number): number {
  let longest = 0;
  let length = 0;
  for (const value of pcm.subarray(from, to)) {
    length = Math.abs(value) < 0.01 ? length + 1 : 0;
    longest = Math.max(longest, length);
  }
  return longest / 48_000;
}
