/** Which renditions of a broadcast are withheld where, because more was to be made than the workers carry, and why. */
import { z } from 'zod';
import type { SegmentNumber } from '../time.ts';
import { segmentNumberSchema, wallClockSchema } from './units.ts';

/**
 * From segment `from` on exactly these renditions are withheld, until one that was decided later says otherwise; none: all are made
 * again. One that gives up what is too late may be of numbers that others were of already, also of one that is being made.
 * Part of the shed mark and of a broadcast's record.
 */
export const shedSchema = z.strictObject({
  from: segmentNumberSchema,
  /** Ids. Never the sound, never the last picture. */
  withheld: z.array(z.string()),
  /** When it was decided. */
  at: wallClockSchema,
  /** `late`: work came too late; `room`: the workers can carry more again. */
  reason: z.enum(['late', 'room']),
  /** How late work of {@link lateChannel} was then, milliseconds. */
  lateMs: z.number().min(0),
  /** The channel in danger: it need not be the one that gives something up. */
  lateChannel: z.string(),
});
/** See {@link shedSchema}. */
export type Shed = z.infer<typeof shedSchema>;

/** A broadcast, as far as it says what of it is made. `sheds` are in the order in which they were decided: of a number the last holds. */
export interface Shedding<R extends { readonly id: string } = { readonly id: string }> {
  readonly renditions: readonly R[];
  readonly sheds: readonly Shed[];
}

const NONE: ReadonlySet<string> = new Set();

/** What holds for segment `n`; undefined where nothing was ever withheld up to it. */
export const shedAt = ({ sheds }: Pick<Shedding, 'sheds'>, n: SegmentNumber): Shed | undefined =>
  sheds.findLast(({ from }) => from <= n);

/** Ids of the renditions that are withheld of segment `n`. */
export function withheldAt(
  broadcast: Pick<Shedding, 'sheds'>,
  n: SegmentNumber,
): ReadonlySet<string> {
  const shed = shedAt(broadcast, n);
  return shed === undefined ? NONE : new Set(shed.withheld);
}

/** The renditions that are made of segment `n`, in the ladder's order. */
export function madeAt<R extends { readonly id: string }>(
  broadcast: Shedding<R>,
  n: SegmentNumber,
): readonly R[] {
  const withheld = withheldAt(broadcast, n);
  return withheld.size === 0
    ? broadcast.renditions
    : broadcast.renditions.filter(({ id }) => !withheld.has(id));
}

/** The first number from `n` on of which a rendition is made; undefined where that is not decided. */
export function nextMade(
  { sheds }: Pick<Shedding, 'sheds'>,
  rendition: string,
  n: SegmentNumber,
): SegmentNumber | undefined {
  if (!withheldAt({ sheds }, n).has(rendition)) {
    return n;
  }
  const holding = sheds.filter(({ from }, i) =>
    sheds.slice(i + 1).every((later) => later.from > from),
  );
  return holding.find(({ from, withheld }) => from > n && !withheld.includes(rendition))?.from;
}
