/**
 * What a broadcast's manifests declare of its rates and its lateness. It starts at what the rate limit allows and
 * follows what is measured in steps, upward only, so that manifests change seldom and never promise less. Pure.
 */
import { z } from 'zod';
import type { Rendition } from '#common/contracts/rendition';
import type { Broadcast, Published } from '#common/contracts/segment';
import { gridOf, segmentSeconds, timeOfSegment, type Grid } from '#common/grid';
import { segmentNumber } from '#common/time';
import { expectedOf } from './verify.ts';

const rateSchema = z.strictObject({
  /** Bits a second, as `BANDWIDTH` and `@bandwidth` say. */
  peak: z.int().min(0),
  /** Bits a second, as `AVERAGE-BANDWIDTH` says. */
  average: z.int().min(0),
  bytes: z.number().min(0),
  seconds: z.number().min(0),
});

/** What has been declared; kept over restarts, so that nothing steps back. */
export const declaredSchema = z.strictObject({
  broadcast: z.int(),
  /** When a declared value last changed, milliseconds since the epoch. */
  changedAt: z.number(),
  rates: z.record(z.string(), rateSchema),
  /** Lateness that the suggested presentation delay allows for, milliseconds. */
  lateMs: z.int().min(0),
  /** Segments in a row that were later than that, and by how much the least late of them was late, milliseconds. */
  laterInARow: z.int().min(0),
  laterMs: z.number().min(0),
});
/** See {@link declaredSchema}. */
export type Declared = z.infer<typeof declaredSchema>;

/** A declared rate rises by this factor, or a power of it. */
const STEP = 1.05;
/** The encoders' rate buffer is at most half a second, half full when a segment starts: so much beyond the rate may come. */
const BUFFER_CREDIT_SECONDS = 0.25;
/** Bytes a sample costs in `trun` (ISO/IEC 14496-12 §8.8.8), and a fragment's other boxes together. */
const SAMPLE_OVERHEAD_BYTES = 16;
const FRAGMENT_OVERHEAD_BYTES = 200;
/** An AAC encoder's own rate control keeps to the rate over some frames only. */
const SOUND_MARGIN = 1.1;

/** Lateness allowed for before any is measured, at most, and what it rises by, milliseconds. */
const LATE_MS = { first: 1_500, most: 16_000, step: 250 } as const;
/** One late segment is an accident, three are the pipeline's pace. */
const LATER_IN_A_ROW = 3;

/** The most a rendition can need by its rate limit, boxes included. */
export function boundOf(grid: Grid, rendition: Rendition): number {
  const seconds = segmentSeconds(grid);
  const { samples } = expectedOf(grid, rendition.kind, segmentNumber(0));
  const overhead = (8 * (FRAGMENT_OVERHEAD_BYTES + samples * SAMPLE_OVERHEAD_BYTES)) / seconds;
  const media =
    rendition.kind === 'video'
      ? rendition.maxBitrateBps * (1 + BUFFER_CREDIT_SECONDS / seconds)
      : rendition.bitrateBps * SOUND_MARGIN;
  return Math.ceil(media + overhead);
}

/** What is declared before the first segment. */
export function firstDeclared(broadcast: Broadcast): Declared {
  const grid = gridOf(broadcast.fps);
  return {
    broadcast: broadcast.broadcast,
    changedAt: broadcast.startedAt,
    rates: Object.fromEntries(
      broadcast.renditions.map((rendition) => [
        rendition.id,
        { peak: boundOf(grid, rendition), average: 0, bytes: 0, seconds: 0 },
      ]),
    ),
    lateMs: LATE_MS.first,
    laterInARow: 0,
    laterMs: 0,
  };
}

/** The declared rate that covers a measured one: the same, or raised by whole steps. */
export function raise(declared: number, measured: number): number {
  if (measured <= declared) {
    return declared;
  }
  if (declared === 0) {
    return Math.ceil(measured);
  }
  const steps = Math.ceil(Math.log(measured / declared) / Math.log(STEP));
  // Rounding down by a bit must not leave the declared rate below the measured one.
  return Math.max(Math.ceil(declared * STEP ** steps), Math.ceil(measured));
}

/** What is declared once a segment is published. */
export function declare(broadcast: Broadcast, declared: Declared, published: Published): Declared {
  const grid = gridOf(broadcast.fps);
  // Another set of renditions is there from now on, and manifests say so.
  let hasChanged = broadcast.sheds.some(({ from }) => from === published.n);
  const rates = { ...declared.rates };
  for (const rendition of broadcast.renditions) {
    const known = rates[rendition.id];
    const item = published.renditions.find((made) => made.rendition === rendition.id);
    if (known === undefined || item === undefined) {
      continue;
    }
    const { samples, sampleDuration, timescale } = expectedOf(grid, rendition.kind, published.n);
    const itemSeconds = (samples * sampleDuration) / timescale;
    const bytes = known.bytes + item.bytes;
    const seconds = known.seconds + itemSeconds;
    const peak = raise(known.peak, (8 * item.bytes) / itemSeconds);
    const average = Math.min(peak, raise(known.average, (8 * bytes) / seconds));
    hasChanged ||= peak !== known.peak || average !== known.average;
    rates[rendition.id] = { peak, average, bytes, seconds };
  }
  const end = timeOfSegment(grid, segmentNumber(published.n + 1));
  const late = published.at - end;
  const isLater = late > declared.lateMs;
  const laterInARow = isLater ? declared.laterInARow + 1 : 0;
  const laterMs = laterInARow > 1 ? Math.min(late, declared.laterMs) : Math.max(0, late);
  const isRaised = laterInARow >= LATER_IN_A_ROW && declared.lateMs < LATE_MS.most;
  return {
    broadcast: declared.broadcast,
    changedAt: hasChanged || isRaised ? published.at : declared.changedAt,
    rates,
    lateMs: isRaised
      ? Math.min(LATE_MS.most, Math.ceil(laterMs / LATE_MS.step) * LATE_MS.step)
      : declared.lateMs,
    laterInARow: isRaised ? 0 : laterInARow,
    laterMs: isLater ? laterMs : 0,
  };
}
