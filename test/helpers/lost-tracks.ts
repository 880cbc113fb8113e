/** A feed of which one track is lost for a while, what viewers see and hear of it, and whether that is as it must be. */
import { AAC_FRAME_SAMPLES, aacFramesOf, gridOf, SAMPLE_RATE, type FpsName } from '#common/grid';
import { segmentNumber } from '#common/time';
import { downloadBroadcast, type ListedRendition } from './broadcast-download.ts';
import { readFrames, readSound } from './decode.ts';
import { compositionTime, FLV_TAG, isPicture, isSequenceHeader, type FlvTag } from './flv.ts';
import { letterboxArea } from './frame-stamp.ts';
import { readSegmentTiming } from './segment-timing.ts';
import { fitTone, JOIN_REACH, noiseAround, type NoiseReport } from './sound-report.ts';
import { LEAD_MS, type Clip } from './sources.ts';

/** Milliseconds of the feed's time. */
export interface Hole {
  readonly fromMs: number;
  readonly toMs: number;
  /** Keyframes come all the same, as from an encoder under congestion. */
  readonly hasKeyframes?: boolean;
}

/** What a feed loses of its clip. */
export interface Losses {
  readonly pictures?: readonly Hole[];
  readonly sound?: readonly Hole[];
}

/** FrameType 1 (FLV 10.1 §E.4.3.1). */
const isKeyframe = (tag: FlvTag): boolean => (tag.data[0] ?? 0) >> 4 === 1;

/** Keeps all but what is lost, asked in order; a hole in the pictures ends with the first keyframe after it. */
export function losing({ pictures = [], sound = [] }: Losses): (tag: FlvTag) => boolean {
  let open: Hole | undefined;
  return (tag) => {
    const at = tag.timestamp;
    if (tag.type === FLV_TAG.audio && !isSequenceHeader(tag)) {
      return !sound.some(({ fromMs, toMs }) => at >= fromMs && at < toMs);
    }
    if (!isPicture(tag)) {
      return true;
    }
    if (open !== undefined && at >= open.toMs && isKeyframe(tag)) {
      open = undefined;
    }
    open ??= pictures.find(({ fromMs, toMs }) => at >= fromMs && at < toMs);
    return open === undefined || (open.hasKeyframes === true && isKeyframe(tag));
  };
}

/** The stamps of the pictures among the tags that are kept, of a clip's. */
export function keptFrames(
  tags: readonly FlvTag[],
  keeps: (tag: FlvTag) => boolean,
): ReadonlySet<number> {
  const timeOf = (tag: FlvTag): number => tag.timestamp + compositionTime(tag);
  const times = tags.filter(isPicture).map(timeOf);
  const stampOf = new Map(times.sort((a, b) => a - b).map((time, stamp) => [time, stamp]));
  const kept = tags.filter((tag) => keeps(tag) && isPicture(tag));
  return new Set(kept.map((tag) => stampOf.get(timeOf(tag)) ?? -1));
}

/** An encoder at this bitrate makes more noise than this nowhere in a steady tone, dB. */
export const CLEAN_DB = 25;

/** What a recording with a steady tone is like. */
export interface TracksReport {
  /** The source frame shown in each place; undefined for the slate. */
  readonly stamps: readonly (number | undefined)[];
  /** Noise in every stretch of {@link JOIN_REACH} to both sides, the tone being the signal: silence counts 0 dB. */
  readonly sound: NoiseReport;
  /** Where that is less than {@link CLEAN_DB}: seconds after the first picture. */
  readonly unclean: readonly number[];
  /** The same, around the places where segments join. */
  readonly joins: NoiseReport;
  /** For each hole in the sound, how much longer than it the silence is, seconds. */
  readonly silences: readonly number[];
}

/** The publisher's first and last moments are not on air as a whole, nor are AAC frames at the edges of holes. */
const EDGE_SAMPLES = 9_600;
/** Around a hole this much is looked through for its silence. */
const AROUND_MS = 1000;

/** Downloads a recording of one picture and one sound rendition. Sound is measured where none is lost. */
export async function reportTracks(
  url: string,
  fps: FpsName,
  clip: Clip,
  soundHoles: readonly Hole[] = [],
): Promise<TracksReport> {
  const grid = gridOf(fps);
  const { renditions } = await downloadBroadcast(url);
  const picture = renditions.find(({ id }) => id.startsWith('v'));
  const sound = renditions.find(({ id }) => id.startsWith('a'));
  const n = picture?.segments[0]?.n ?? 0;
  const init = picture?.inits[0]?.data ?? Buffer.alloc(0);
  const size = readSegmentTiming(n, init, picture?.segments[0]?.data ?? Buffer.alloc(0));
  const areas = clip.recipe.sizes.map((source) => letterboxArea(source, size));
  const seen = await readFrames(bytesOf(picture), size, areas);
  const stamps = seen.map(({ stamp }) => stamp);
  const pcm = await readSound(bytesOf(sound));
  const firstOf = (number: number): number =>
    AAC_FRAME_SAMPLES * aacFramesOf(grid, segmentNumber(number)).first;
  const pictureStart = n * grid.segmentSamples - firstOf(n);
  const begin = clip.times[stamps[0] ?? 0] ?? 0;
  /** The sample of a moment of the feed's time. */
  const sampleAt = (ms: number): number =>
    Math.round(((ms - LEAD_MS - begin) * SAMPLE_RATE) / 1000) + pictureStart;

  const edges = [0, ...soundHoles.flatMap((hole) => [hole.fromMs, hole.toMs].map(sampleAt))];
  const sounding = [...edges, soundEnd(pcm)].flatMap((from, i, all) => {
    const stretch = { from: from + EDGE_SAMPLES, to: (all[i + 1] ?? 0) - EDGE_SAMPLES };
    return i % 2 === 0 && stretch.to > stretch.from ? [stretch] : [];
  });
  const reference = new Float32Array(pcm.length);
  for (const { from, to } of sounding) {
    // Each stretch has its own phase: sound that comes back is placed by timestamps of whole milliseconds.
    reference.set(fitTone(pcm.subarray(from, to), SAMPLE_RATE, 0, to - from), from);
  }
  const isSounding = (at: number): boolean =>
    sounding.some(({ from, to }) => at - JOIN_REACH >= from && at + JOIN_REACH <= to);
  const everywhere = Array.from(
    { length: Math.floor(pcm.length / (2 * JOIN_REACH)) },
    (_, i) => (2 * i + 1) * JOIN_REACH,
  );
  const joins = (sound?.segments ?? []).map((segment) => firstOf(segment.n) - firstOf(n));
  const measured = everywhere.filter(isSounding);
  const isClean = (place: number): boolean =>
    noiseAround(pcm, reference, [place]).worstDb > CLEAN_DB;
  return {
    stamps,
    sound: noiseAround(pcm, reference, measured),
    unclean: measured
      .filter((place) => !isClean(place))
      .map((place) => (place - pictureStart) / SAMPLE_RATE),
    joins: noiseAround(pcm, reference, joins.filter(isSounding)),
    silences: soundHoles.map(({ fromMs, toMs }) => {
      const [from, to] = [sampleAt(fromMs - AROUND_MS), sampleAt(toMs + AROUND_MS)];
      return longestSilence(pcm, from, to) - (toMs - fromMs) / 1000;
    }),
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
function longestSilence(pcm: Float32Array, from: number, to: number): number {
  let longest = 0;
  let length = 0;
  for (const value of pcm.subarray(Math.max(0, from), to)) {
    length = Math.abs(value) < 0.01 ? length + 1 : 0;
    longest = Math.max(longest, length);
  }
  return longest / SAMPLE_RATE;
}

/** What is shown of a feed's pictures, counted in places. */
export interface ShownPictures {
  /** Frames that were sent, from the first that is shown on. */
  readonly sent: number;
  /** Of these, those that are not shown in their place, and what is shown there. */
  readonly lost: readonly { readonly frame: number; readonly shown: number | undefined }[];
  /** Places without a frame of their own that hold the last one. */
  readonly held: number;
  /** Those that show the slate. */
  readonly slate: number;
  /** Those that show anything else: another frame, the slate too early, or none where it must be. */
  readonly wrong: number;
}

/** The last frame is held for two seconds, then comes the slate. */
const HELD_SECONDS = 2;
/** A shorter hole may be over before its first place is closed: the last frame is then shown throughout. */
const SURE_SLATE_SECONDS = 8;

/** Compares each place with what was sent for it: its frame, or hold and then slate. */
export function judgePictures(
  { stamps }: Pick<TracksReport, 'stamps'>,
  sent: ReadonlySet<number>,
  framesPerSecond: number,
): ShownPictures {
  const first = stamps[0] ?? 0;
  const wanted = [...sent].filter((frame) => frame >= first).sort((a, b) => a - b);
  let [held, slate, wrong] = [0, 0, 0];
  for (const [i, frame] of wanted.entries()) {
    const next = wanted[i + 1] ?? frame + 1;
    const isSlateSure = next - frame >= SURE_SLATE_SECONDS * framesPerSecond;
    for (let place = frame + 1; place < next; place += 1) {
      const shown = stamps[place - first];
      const isHoldOver = place - frame > HELD_SECONDS * framesPerSecond;
      if (shown === frame && !(isHoldOver && isSlateSure)) {
        held += 1;
      } else if (place - first < stamps.length && shown === undefined && isHoldOver) {
        slate += 1;
      } else {
        wrong += 1;
      }
    }
  }
  const lost = wanted.flatMap((frame) => {
    const shown = stamps[frame - first];
    return shown === frame ? [] : [{ frame, shown }];
  });
  return { sent: wanted.length, lost, held, slate, wrong };
}
