/** Where a segment's sound comes from: unbroken runs of AAC frames; what no run covers is silence. */
import type { SoundSpan } from '#common/contracts/task';
import { AAC_FRAME_SAMPLES, SAMPLE_RATE, gridOf } from '#common/grid';
import { decodedFrom, encodedSamplesOf, frameInRun, positionInRun } from '#common/sound-grid';
import {
  greatest,
  least,
  samplePosition,
  type SamplePosition,
  type SegmentNumber,
} from '#common/time';
import { heardStretches } from './sources.ts';
import { sessionOf, type AirState, type ChannelState, type SoundPlace } from './state.ts';

/** Frames `items[0].k` to `items.at(-1).k` of one run, without a gap. */
interface Run {
  readonly origin: SamplePosition;
  readonly rate: number;
  readonly channels: number;
  readonly items: SoundPlace[];
}

/** The spans of segment `n`, in order, without overlap. */
export function planSound(state: ChannelState, air: AirState, n: SegmentNumber): SoundSpan[] {
  return soundSpans(state, air, encodedSamplesOf(gridOf(air.fps), n));
}

/** The spans of any 48 kHz samples. */
export function soundSpans(
  state: ChannelState,
  air: AirState,
  needed: { readonly from: SamplePosition; readonly to: SamplePosition },
): SoundSpan[] {
  const spans: SoundSpan[] = [];
  let cursor = needed.from;
  for (const stretch of heardStretches(air)) {
    const session = sessionOf(state, stretch.session);
    for (const run of runsOf(session?.sound ?? [])) {
      const from = greatest(cursor, stretch.from);
      const span = spanOf(stretch.session, run, from, least(needed.to, stretch.to));
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

function spanOf(
  session: string,
  run: Run,
  low: SamplePosition,
  high: SamplePosition,
): SoundSpan | undefined {
  const { origin, rate, channels, items } = run;
  const k0 = items[0]?.k ?? 0;
  const k1 = items.at(-1)?.k ?? 0;
  const begins = samplePosition(origin + Math.ceil((k0 * AAC_FRAME_SAMPLES * SAMPLE_RATE) / rate));
  const ends = positionInRun(origin, rate, (k1 + 1) * AAC_FRAME_SAMPLES);
  const from = greatest(low, begins);
  const to = least(high, ends);
  if (from >= to) {
    return undefined;
  }
  const firstK = Math.max(k0, decodedFrom(origin, rate, from));
  const lastK = Math.min(k1, frameInRun(origin, rate, samplePosition(to - 1)) + 1);
  const read = items.slice(firstK - k0, lastK - k0 + 1);
  const seqs = read.map(({ seq }) => seq);
  const chunks = read.map(({ chunk }) => chunk);
  return {
    session,
    fromSeq: Math.min(...seqs),
    toSeq: Math.max(...seqs),
    fromChunk: least(...chunks),
    toChunk: greatest(...chunks),
    origin,
    rate,
    channels,
    firstK,
    lastK,
    from,
    to,
  };
}
