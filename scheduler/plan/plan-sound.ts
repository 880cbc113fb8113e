/** Where a segment's sound comes from: unbroken runs of AAC frames; what no run covers is silence. */
import type { SoundSpan } from '#common/contracts/task';
import { AAC_FRAME_SAMPLES, SAMPLE_RATE, aacFramesOf, gridOf, sampleOfFrame } from '#common/grid';
import { frameIndex, segmentNumber } from '#common/time';
import { positionInRun } from './fold.ts';
import { stretchesOf } from './sources.ts';
import { sessionOf, type AirState, type ChannelState, type SoundPlace } from './state.ts';

/** AAC frames before and after a segment that its encoder is fed, so that joins cannot be heard. */
const CONTEXT_FRAMES = 3;
/** Source frames decoded before the first that is heard: a decoder needs the one before, with margin. */
const LEAD_FRAMES = 3;
/** More of them where sound is resampled, which starts at a sample counted from the run's origin. */
const RESAMPLE_LEAD_FRAMES = 4;

/** Frames `items[0].k` to `items.at(-1).k` of one run, without a gap. */
interface Run {
  readonly origin: number;
  readonly rate: number;
  readonly channels: number;
  readonly items: SoundPlace[];
}

/** The spans of segment `n`, in order, without overlap. */
export function planSound(state: ChannelState, air: AirState, n: number): SoundSpan[] {
  const grid = gridOf(air.fps);
  const { first, end } = aacFramesOf(grid, segmentNumber(n));
  const needed = {
    from: AAC_FRAME_SAMPLES * (first - CONTEXT_FRAMES),
    to: AAC_FRAME_SAMPLES * (end + CONTEXT_FRAMES),
  };
  const onAir = air.broadcast * grid.segmentFrames;
  const spans: SoundSpan[] = [];
  let cursor = needed.from;
  for (const stretch of stretchesOf(air)) {
    const { source } = stretch;
    const session = source.kind === 'session' ? sessionOf(state, source.session) : undefined;
    if (session === undefined) {
      continue;
    }
    // What the feed carried just before it came on air is context for the first segment.
    const low =
      stretch.from === onAir ? needed.from : (sampleOfFrame(grid, stretch.from) as number);
    const high = Number.isFinite(stretch.to)
      ? sampleOfFrame(grid, frameIndex(stretch.to))
      : needed.to;
    for (const run of runsOf(session.sound)) {
      const from = Math.max(cursor, low);
      const span = spanOf(session.session, run, from, Math.min(needed.to, high));
      if (span !== undefined) {
        spans.push(span);
        cursor = span.to;
      }
    }
  }
  return spans;
}

function runsOf(sound: readonly SoundPlace[]): readonly Run[] {
  const runs: Run[] = [];
  let last: SoundPlace | undefined;
  for (const place of sound) {
    const run = runs.at(-1);
    if (place.late) {
      last = undefined;
      continue;
    }
    const isNext =
      last !== undefined &&
      last.origin === place.origin &&
      last.rate === place.rate &&
      last.channels === place.channels &&
      last.k + 1 === place.k;
    if (isNext && run !== undefined) {
      run.items.push(place);
    } else {
      const { origin, rate, channels } = place;
      runs.push({ origin, rate, channels, items: [place] });
    }
    last = place;
  }
  return runs;
}

function spanOf(session: string, run: Run, low: number, high: number): SoundSpan | undefined {
  const { origin, rate, channels, items } = run;
  const k0 = items[0]?.k ?? 0;
  const k1 = items.at(-1)?.k ?? 0;
  const begins = origin + Math.ceil((k0 * AAC_FRAME_SAMPLES * SAMPLE_RATE) / rate);
  const ends = positionInRun(origin, rate, (k1 + 1) * AAC_FRAME_SAMPLES);
  const from = Math.max(low, begins);
  const to = Math.min(high, ends);
  if (from >= to) {
    return undefined;
  }
  const frameAt = (position: number): number =>
    Math.floor(((position - origin) * rate) / (SAMPLE_RATE * AAC_FRAME_SAMPLES));
  const lead = LEAD_FRAMES + (rate === SAMPLE_RATE ? 0 : RESAMPLE_LEAD_FRAMES);
  const firstK = Math.max(k0, frameAt(from) - lead);
  const lastK = Math.min(k1, frameAt(to - 1) + 1);
  const read = items.slice(firstK - k0, lastK - k0 + 1);
  const seqs = read.map(({ seq }) => seq);
  const chunks = read.map(({ chunk }) => chunk);
  return {
    session,
    fromSeq: Math.min(...seqs),
    toSeq: Math.max(...seqs),
    fromChunk: Math.min(...chunks),
    toChunk: Math.max(...chunks),
    origin,
    rate,
    channels,
    firstK,
    lastK,
    from,
    to,
  };
}
