/** Log lines that strangers can cause: each kind at most once in a while, the rest counted. Pure. */

/** Milliseconds between two lines of a kind. */
const EVERY = 10_000;

/** See the head of this file. `K` must be few: kinds are never forgotten. */
export class SparseLog<K extends string> {
  readonly #kinds = new Map<K, { at: number; suppressed: number }>();

  /** How many lines of this kind were left out before this one; undefined if this one is to be left out as well. */
  take(kind: K, now: number): number | undefined {
    const last = this.#kinds.get(kind);
    if (last !== undefined && now - last.at < EVERY) {
      last.suppressed += 1;
      return undefined;
    }
    this.#kinds.set(kind, { at: now, suppressed: 0 });
    return last?.suppressed ?? 0;
  }
}
