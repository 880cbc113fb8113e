/** Counts the fragments of a segment that are handed out, of all its renditions, in parts. */
import type { EarlyProgress } from '#common/contracts/early-task';
import type { Rendition } from '#common/contracts/rendition';
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

/** How far a segment is handed out: all of it, and what of it is never withheld. */
export class HandedOut {
  readonly #division: Division;
  #renditions: ReadonlySet<string>;
  readonly #least: ReadonlySet<string>;
  #allCount: PartCount;
  readonly #leastCount: PartCount;
  /** All fragments that are out. */
  readonly #out: { readonly rendition: string; readonly k: number }[] = [];
  #parts = 0;
  #leastParts = 0;

  constructor(renditions: readonly Rendition[], division: Division) {
    const [smallest] = renditions
      .flatMap((rendition) => (rendition.kind === 'video' ? [rendition] : []))
      .toSorted((a, b) => a.height - b.height);
    const least = renditions.filter(({ id, kind }) => kind === 'audio' || id === smallest?.id);
    this.#division = division;
    this.#renditions = new Set(renditions.map(({ id }) => id));
    this.#least = new Set(least.map(({ id }) => id));
    this.#allCount = new PartCount(renditions.length, division);
    this.#leastCount = new PartCount(least.length, division);
  }

  /**
   * Fragment `k` of a rendition is out.
   * @returns how far it is, if that is further than before
   */
  add(rendition: string, k: number): Pick<EarlyProgress, 'parts' | 'leastParts'> | undefined {
    this.#out.push({ rendition, k });
    const parts = this.#renditions.has(rendition) ? this.#allCount.add(k) : undefined;
    const leastParts = this.#least.has(rendition) ? this.#leastCount.add(k) : undefined;
    return this.#tell(parts, leastParts);
  }

  /**
   * Of these nothing more is made: from now on it is all without them.
   * @returns how far it is, if that is further than before
   */
  leaveOff(withheld: readonly string[]): Pick<EarlyProgress, 'parts' | 'leastParts'> | undefined {
    this.#renditions = new Set([...this.#renditions].filter((id) => !withheld.includes(id)));
    this.#allCount = new PartCount(this.#renditions.size, this.#division);
    let parts: number | undefined;
    for (const { rendition, k } of this.#out) {
      parts = (this.#renditions.has(rendition) ? this.#allCount.add(k) : undefined) ?? parts;
    }
    return this.#tell(parts !== undefined && parts > this.#parts ? parts : undefined, undefined);
  }

  #tell(
    parts: number | undefined,
    leastParts: number | undefined,
  ): Pick<EarlyProgress, 'parts' | 'leastParts'> | undefined {
    this.#parts = parts ?? this.#parts;
    this.#leastParts = leastParts ?? this.#leastParts;
    return parts === undefined && leastParts === undefined
      ? undefined
      : { parts: this.#parts, leastParts: this.#leastParts };
  }
}
