/** Counts the fragments of a segment that are handed out, of all its renditions, in parts. */
import type { Division } from '#common/division';

/** See the head of this file. */
export class PartCount {
  readonly #left: number[];
  readonly #fragmentsOfPart: number;
  #parts = 0;

  /** @param renditions how many are made */
  constructor(renditions: number, { parts, fragmentsOfPart }: Division) {
    this.#fragmentsOfPart = fragmentsOfPart;
    this.#left = Array.from({ length: parts }, () => renditions * fragmentsOfPart);
  }

  /**
   * Fragment `k` of a rendition is out.
   * @returns how many parts are out, all before them too, if that makes them more
   */
  add(k: number): number | undefined {
    const part = Math.floor(k / this.#fragmentsOfPart);
    this.#left[part] = (this.#left[part] ?? 1) - 1;
    const before = this.#parts;
    while (this.#left[this.#parts] === 0) {
      this.#parts += 1;
    }
    return this.#parts > before ? this.#parts : undefined;
  }
}
