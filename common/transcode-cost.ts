/**
 * What transcoding costs: CPU seconds a second, so cores, on the machine that the figures below were measured on. A
 * worker tells how slow its machine is against that one; docs/adr/0010 says how they were measured.
 */
import type { Ladder } from './contracts/channel.ts';
import type { Rendition } from './contracts/rendition.ts';
import type { Grid } from './grid.ts';

/** CPU seconds that a worker's trial takes on that machine. */
export const TRIAL_REFERENCE_SECONDS = 0.18;

/** Seconds for a million pixels, each way. Sport with grain at the rates of the default ladder. */
const DECODE = 0.0028;
const SCALE = 0.002;
const ENCODE = 0.0135;
/** In low latency raw frames pass through the worker on their way from decoder to encoder: measured on that machine, 720p30. */
const RAW = 0.008;
/** What x264's presets cost against `veryfast`. */
const PRESET: Readonly<Record<Ladder['preset'], number>> = {
  ultrafast: 0.45,
  superfast: 0.65,
  veryfast: 1,
  faster: 1.6,
  fast: 2.1,
  medium: 2.6,
};
/** Sound, and starting ffmpeg for each segment. */
const EACH_BROADCAST = 0.1;

/** What is transcoded. */
export interface CostSource {
  readonly width: number;
  readonly height: number;
  /** Frames between the places where decoding may start. */
  readonly keyframeFrames: number;
  /** It is made while it comes, in low latency: decoded once, in raw frames of the largest rendition's size. */
  readonly isOnTime?: boolean;
}

const megapixels = ({ width, height }: { readonly width: number; readonly height: number }) =>
  (width * height) / 1e6;

/**
 * Cores that a broadcast with these renditions takes, lying or standing. Each segment is decoded from the last key
 * frame before it on, so half of the distance between key frames comes on top of every segment; each size is scaled
 * from the next larger.
 */
export function transcodeCores(
  renditions: readonly Rendition[],
  source: CostSource,
  grid: Grid,
): number {
  const { segmentFrames } = grid;
  const isOnTime = source.isOnTime === true;
  const decoded = isOnTime ? 1 : (segmentFrames + source.keyframeFrames / 2) / segmentFrames;
  const largest = Math.max(
    0,
    ...renditions.map((rendition) => (rendition.kind === 'video' ? megapixels(rendition) : 0)),
  );
  const perFrame =
    DECODE * megapixels(source) * decoded +
    (isOnTime ? RAW * largest : 0) +
    encodingSeconds(renditions, megapixels(source));
  return EACH_BROADCAST + (perFrame * grid.num) / grid.den;
}

/**
 * CPU seconds that scaling and encoding one frame takes, all renditions together.
 * @param from million pixels of the frame that they are made of; by default as large as the largest of them
 */
export function encodingSeconds(renditions: readonly Rendition[], from?: number): number {
  const sizes = renditions
    .filter((rendition) => rendition.kind === 'video')
    .toSorted((a, b) => megapixels(b) - megapixels(a));
  let above = from;
  let sum = 0;
  for (const rendition of sizes) {
    const size = megapixels(rendition);
    sum += size === (above ?? size) ? 0 : SCALE * (above ?? size);
    sum += ENCODE * PRESET[rendition.preset] * size;
    above = size;
  }
  return sum;
}
