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
 * The stretches of a segment, one after another; the last one is that of its newest generation.
 * @param fragments of the whole segment
 */
export function stretchesOf(
  restarts: readonly Restart[] | undefined,
  fragments: number,
): readonly [...Stretch[], Stretch] {
  const begins = [{}, ...(restarts ?? []).map(({ from }) => from)].map(
    (from: Restart['from']) => (rendition: string) => from[rendition] ?? 0,
  );
  const stretches = begins.map((from, i): Stretch => ({
    from,
    to: begins[i + 1] ?? (() => fragments),
  }));
  return stretches as [...Stretch[], Stretch];
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
