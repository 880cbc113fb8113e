/**
 * Which samples a segment's sound is encoded from: the task's spans and the silence between them, over the
 * segment's AAC frames and some frames of context on both sides, without which every join clicks.
 */
import type { AudioFrame } from '#common/contracts/frame';
import type { SoundSpan } from '#common/contracts/task';
import { PipelineError } from '#common/errors';
import { AAC_FRAME_SAMPLES, SAMPLE_RATE, aacFramesOf, type Grid } from '#common/grid';
import { CONTEXT_FRAMES, RESAMPLER_LEAD, encodedSamplesOf } from '#common/sound-grid';
import { greatest, samplePosition, type SamplePosition, type SegmentNumber } from '#common/time';
import { decodedSound } from './decoded-sound.ts';

/** Sound out of one span. Counts of samples are exact; nothing downstream looks at timestamps. */
export interface SpanPiece {
  readonly kind: 'span';
  readonly frames: readonly AudioFrame[];
  readonly config: Uint8Array;
  readonly coreRate: number;
  readonly decodedRate: number;
  readonly isMono: boolean;
  /** Decoded samples left out before the resampler. */
  readonly skipDecoded: number;
  /** 48 kHz samples left out after it. */
  readonly skip: number;
  /** 48 kHz samples used. */
  readonly samples: number;
}

/** A stretch of the encoder's input. */
export type SoundPiece = SpanPiece | { readonly kind: 'silence'; readonly samples: number };

/** See the head of this file. */
export interface SoundPlan {
  readonly pieces: readonly SoundPiece[];
  /** First AAC frame of the segment. */
  readonly first: number;
  /** AAC frames of the segment. */
  readonly count: number;
  /** Frames the encoder is given: `count` and the context. */
  readonly encoded: number;
}

/** A span of the task with its coded frames, in order of arrival. */
export interface SoundSource {
  readonly span: SoundSpan;
  readonly frames: readonly AudioFrame[];
}

/** Plans the sound of segment `n`. */
export function planSound(
  grid: Grid,
  n: SegmentNumber,
  sources: readonly SoundSource[],
): SoundPlan {
  const { first, end } = aacFramesOf(grid, n);
  const { from, to: stop } = encodedSamplesOf(grid, n);
  const pieces: SoundPiece[] = [];
  let at = from;
  for (const source of sources) {
    const placed = placeSpan(source, at, stop);
    if (placed === undefined) {
      continue;
    }
    if (placed.from > at) {
      pieces.push({ kind: 'silence', samples: placed.from - at });
    }
    pieces.push(placed.piece);
    at = samplePosition(placed.from + placed.piece.samples);
  }
  if (at < stop) {
    pieces.push({ kind: 'silence', samples: stop - at });
  }
  return { pieces, first, count: end - first, encoded: end - first + 2 * CONTEXT_FRAMES };
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Where decoding of a run's stretch and its resampling begin. */
export interface RunBeginning {
  readonly decodedRate: number;
  readonly isMono: boolean;
  /** Decoded samples left out before the resampler. */
  readonly skipDecoded: number;
  /** 48 kHz position of the resampler's first sample. */
  readonly resampledFrom: SamplePosition;
}

/**
 * Where decoding and resampling of a span begin. The resampler begins at a decoded sample whose number in its run is
 * a multiple of `rate / gcd(rate, 48000)` (147 at 44.1 kHz), where input and output samples coincide: so every
 * segment's resampler is in the same phase, and joins are exact.
 * @param config AudioSpecificConfig of its frames
 * @param position the first 48 kHz position wanted of it
 * @throws PipelineError `BAD_MEDIA` for a configuration that cannot be read
 */
export function beginningOf(
  { origin, firstK }: Pick<SoundSpan, 'origin' | 'firstK'>,
  config: Uint8Array,
  position: SamplePosition,
): RunBeginning {
  const { rate, factor, isMono } = decodedSound(config);
  const divisor = gcd(rate, SAMPLE_RATE);
  const inputStep = rate / divisor;
  const outputStep = SAMPLE_RATE / divisor;
  const decodedStart = factor * AAC_FRAME_SAMPLES * firstK;
  const needed = Math.floor(((position - origin) * rate) / SAMPLE_RATE);
  const lead = inputStep === outputStep ? 0 : RESAMPLER_LEAD;
  const block = Math.max(
    Math.floor((needed - lead) / inputStep),
    Math.ceil(decodedStart / inputStep),
  );
  return {
    decodedRate: rate,
    isMono,
    skipDecoded: block * inputStep - decodedStart,
    resampledFrom: samplePosition(origin + block * outputStep),
  };
}

function placeSpan(
  { span, frames }: SoundSource,
  earliest: SamplePosition,
  stop: SamplePosition,
): { from: SamplePosition; piece: SpanPiece } | undefined {
  const wanted = unbroken(span, frames);
  const config = wanted[0]?.config;
  if (config === undefined) {
    return undefined;
  }
  const { resampledFrom, ...decoding } = beginningOf(span, config, greatest(span.from, earliest));
  const from = greatest(span.from, earliest, resampledFrom);
  const samples = Math.min(span.to, stop) - from;
  if (samples <= 0) {
    return undefined;
  }
  return {
    from,
    piece: {
      kind: 'span',
      frames: wanted,
      config,
      coreRate: span.rate,
      ...decoding,
      skip: from - resampledFrom,
      samples,
    },
  };
}

/**
 * The span's AAC frames.
 * @throws PipelineError `INPUT_MISSING` when one is not among those given
 */
function unbroken(span: SoundSpan, frames: readonly AudioFrame[]): AudioFrame[] {
  const wanted = frames.filter(
    (frame) => frame.origin === span.origin && frame.k >= span.firstK && frame.k <= span.lastK,
  );
  const missing = wanted.findIndex((frame, i) => frame.k !== span.firstK + i);
  if (missing !== -1 || wanted.length !== span.lastK - span.firstK + 1) {
    throw new PipelineError(
      'INPUT_MISSING',
      `session ${span.session}: ${wanted.length} AAC frames of ${span.firstK} to ${span.lastK}`,
    );
  }
  return wanted;
}
