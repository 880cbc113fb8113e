/**
 * Where the encoders of a segment's pictures began again: whoever took a segment over went on behind the fragments that were out, instead of
 * making them anew. It is decided once, by a mark of the log, so the segment's bytes follow from the log as ever.
 */
import { z } from 'zod';

/** See the head of this file. A restart names every rendition of which something was out; of others it says that nothing was. */
export const restartSchema = z.strictObject({
  /** Rises with each restart of a segment. */
  generation: z.int().positive(),
  /** By rendition id, the fragments that those before have made: its encoder begins anew, with an IDR picture, behind them. */
  from: z.record(z.string(), z.int().positive()),
});
/** See {@link restartSchema}. */
export type Restart = z.infer<typeof restartSchema>;

/** Those of one segment, in their order. */
export const restartsSchema = z.array(restartSchema).min(1);

/** What made fragments before any restart. */
export const FIRST_GENERATION = 0;

/** The generation that makes a segment's fragments now. */
export const generationOf = (restarts: readonly Restart[] = []): number =>
  restarts.at(-1)?.generation ?? FIRST_GENERATION;

/** The fragments of each rendition that one generation of encoders makes: `[from, to)`. */
export interface Stretch {
  readonly from: (rendition: string) => number;
  readonly to: (rendition: string) => number;
}

/**
 * What the newest generation makes of a segment.
 * @param fragments of the whole segment
 */
export const lastStretch = (
  restarts: readonly Restart[] | undefined,
  fragments: number,
): Stretch => ({
  from: (rendition) => restarts?.at(-1)?.from[rendition] ?? 0,
  to: () => fragments,
});

/** The stretches of a segment, one after another; the last is {@link lastStretch}. */
export function stretchesOf(
  restarts: readonly Restart[] = [],
  fragments: number,
): readonly Stretch[] {
  const stretches = [...restarts, undefined].map((_, i) =>
    lastStretch(restarts.slice(0, i), fragments),
  );
  return stretches.map(({ from, to }, i) => ({ from, to: stretches[i + 1]?.from ?? to }));
}

/** What is left of restarts for some of a segment's renditions: undefined where they know of none. */
export function restartsFor(
  restarts: readonly Restart[],
  renditions: readonly { readonly id: string }[],
): Restart[] | undefined {
  const ids = new Set(renditions.map(({ id }) => id));
  const own = restarts
    .map(({ generation, from }) => ({
      generation,
      from: Object.fromEntries(Object.entries(from).filter(([id]) => ids.has(id))),
    }))
    .filter(({ from }) => Object.keys(from).length > 0);
  return own.length === 0 ? undefined : own;
}
