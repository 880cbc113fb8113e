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
  /** Segments of lateness the suggested presentation delay allows for. */
  lateSegments: z.int().min(0),
  /** Segments in a row that were later than that. */
  laterInARow: z.int().min(0),
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

/** Lateness allowed for before any is measured, and at most, in segments. */
const LATE_SEGMENTS = { first: 2, most: 8 } as const;
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
    lateSegments: LATE_SEGMENTS.first,
    laterInARow: 0,
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
  let hasChanged = false;
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
  const late = Math.ceil((published.at - end) / (segmentSeconds(grid) * 1000));
  const isLater = late > declared.lateSegments;
  const laterInARow = isLater ? declared.laterInARow + 1 : 0;
  const isRaised = laterInARow >= LATER_IN_A_ROW && declared.lateSegments < LATE_SEGMENTS.most;
  return {
    broadcast: declared.broadcast,
    changedAt: hasChanged || isRaised ? published.at : declared.changedAt,
    rates,
    lateSegments: isRaised ? declared.lateSegments + 1 : declared.lateSegments,
    laterInARow: isRaised ? 0 : laterInARow,
  };
}
