/** ffmpeg's output made into segments on the grid, and everything about it checked. */
import { adtsFrames } from '#common/codec/aac/adts';
import type { AudioRendition, VideoRendition } from '#common/contracts/rendition';
import { PipelineError } from '#common/errors';
import { AAC_FRAME_SAMPLES, SAMPLE_RATE, firstFrame, type Grid } from '#common/grid';
import { readFragment, shiftDecodeTimes, splitInit } from '#common/mp4/read';
import { initSegment } from '#common/mp4/write';
import { CONTEXT_FRAMES } from '#common/sound-grid';
import type { SegmentNumber } from '#common/time';
import { FragmentWriter } from './early/fragment-writer.ts';
import type { SoundPlan } from './sound-plan.ts';

/** A finished segment of one rendition. */
export interface MadeSegment {
  readonly rendition: string;
  readonly init: Buffer;
  readonly data: Buffer;
  /** Frames, or AAC frames. */
  readonly frames: number;
  /** First decode time and end, in the track's timescale. */
  readonly first: number;
  readonly end: number;
}

const wrong = (rendition: string, what: string): PipelineError =>
  new PipelineError('ENCODER_FAILED', `${rendition}: ${what}`);

/**
 * A rendition's output as segment `n`: its decode times, which ffmpeg counts from 0, are moved to `n·G` by exact
 * arithmetic.
 * @throws PipelineError `ENCODER_FAILED` unless it is exactly `G` frames, each one frame long, shown in each place once
 */
export function pictureSegment(
  grid: Grid,
  n: SegmentNumber,
  rendition: VideoRendition,
  output: Buffer,
): MadeSegment {
  const { init, media } = splitInit(output);
  const info = readFragment(media);
  const { segmentFrames, frameTicks } = grid;
  if (info.sampleCount !== segmentFrames || info.fragments !== 1 || info.decodeTime !== 0) {
    const found = `${info.sampleCount} frames in ${info.fragments} fragments at ${info.decodeTime}`;
    throw wrong(rendition.id, `${found}, wanted ${segmentFrames} in 1 at 0`);
  }
  if (info.durations.some((duration) => duration !== frameTicks)) {
    throw wrong(rendition.id, `a frame is not ${frameTicks} ticks long`);
  }
  const places = new Set(
    info.compositionOffsets.map((offset, i) => (i * frameTicks + offset) / frameTicks),
  );
  for (let place = 0; place < segmentFrames; place += 1) {
    if (!places.has(place)) {
      throw wrong(rendition.id, `no frame in place ${place}`);
    }
  }
  const first = firstFrame(grid, n) * frameTicks;
  shiftDecodeTimes(media, first);
  return {
    rendition: rendition.id,
    init,
    data: media,
    frames: segmentFrames,
    first,
    end: first + segmentFrames * frameTicks,
  };
}

/** AudioSpecificConfig of every sound rendition: AAC-LC, 48 kHz, stereo (ISO/IEC 14496-3 §1.6.2.1). */
const AAC_LC_48K_STEREO = Buffer.from([0x11, 0x90]);

/** The init segment of a sound rendition. */
export const soundInit = ({ bitrateBps }: AudioRendition): Buffer =>
  initSegment([
    {
      kind: 'audio',
      id: 1,
      timescale: SAMPLE_RATE,
      rate: SAMPLE_RATE,
      channels: 2,
      config: AAC_LC_48K_STEREO,
      bitrate: bitrateBps,
    },
  ]);

/**
 * The encoder's frames as the segment's sound. The encoder gives its priming first, by which it has more frames than
 * it was given; then come the context, which is dropped on both sides, and between them the segment.
 * @param sizes AAC frames in each of its fragments
 * @throws PipelineError `ENCODER_FAILED` when there are fewer frames than were given to it
 */
export function soundSegment(
  plan: SoundPlan,
  rendition: AudioRendition,
  output: Buffer,
  sizes: readonly number[] = [plan.count],
): MadeSegment {
  const frames = adtsFrames(output);
  const priming = frames.length - plan.encoded;
  if (priming < 0 || priming > CONTEXT_FRAMES) {
    throw wrong(rendition.id, `${frames.length} AAC frames for ${plan.encoded}`);
  }
  const begin = priming + CONTEXT_FRAMES;
  const samples = frames.slice(begin, begin + plan.count).map((data) => ({
    duration: AAC_FRAME_SAMPLES,
    isSync: true,
    compositionOffset: 0,
    data,
  }));
  const first = AAC_FRAME_SAMPLES * plan.first;
  const fragments = new FragmentWriter(first, sizes);
  return {
    rendition: rendition.id,
    init: soundInit(rendition),
    data: Buffer.concat(samples.flatMap((sample) => fragments.push(sample)?.bytes ?? [])),
    frames: plan.count,
    first,
    end: first + AAC_FRAME_SAMPLES * plan.count,
  };
}
