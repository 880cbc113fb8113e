/**
 * Results in, segments out in order. Workers finish in any order; what is published is an unbroken run of numbers.
 * Holds results only, never their bytes, and a bounded number of them. Pure state.
 */
import type { Result } from '#common/contracts/segment';

/** Segment numbers that may wait at a time, beyond the next: over half an hour of them. */
export const MAX_WAITING = 1_024;
/** Differing results kept for one number: should the first be unfit, the second may do. */
const MAX_CANDIDATES = 3;

/** What became of an offered result. */
export type Offered = 'waiting' | 'published-before' | 'too-far' | 'outside';

/** See the head of this file. */
export class Sequence {
  readonly #waiting = new Map<number, Result[]>();
  #next: number;
  readonly #first: number;
  #last = Number.POSITIVE_INFINITY;

  /**
   * @param first the broadcast's first number
   * @param next the number to publish next
   */
  constructor(first: number, next: number = first) {
    this.#first = first;
    this.#next = next;
  }

  /** The number to publish next. */
  get next(): number {
    return this.#next;
  }

  /** Numbers that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Results that wait, the first for each number. */
  get results(): readonly Result[] {
    return [...this.#waiting.values()].flatMap((candidates) => candidates.slice(0, 1));
  }

  /** No number after this one will come. */
  endAt(last: number): void {
    this.#last = last;
    for (const n of this.#waiting.keys()) {
      if (n > last) {
        this.#waiting.delete(n);
      }
    }
  }

  /** Takes a result; the same result again changes nothing. */
  offer(result: Result): Offered {
    if (result.n < this.#first || result.n > this.#last) {
      return 'outside';
    }
    if (result.n < this.#next) {
      return 'published-before';
    }
    if (result.n > this.#next + MAX_WAITING) {
      return 'too-far';
    }
    const candidates = this.#waiting.get(result.n) ?? [];
    const isKnown = candidates.some((known) => isSameResult(known, result));
    if (!isKnown && candidates.length < MAX_CANDIDATES) {
      this.#waiting.set(result.n, [...candidates, result]);
    }
    return 'waiting';
  }

  /** The next number's result, if it has come. */
  peek(): Result | undefined {
    return this.#waiting.get(this.#next)?.[0];
  }

  /** The result that `peek` gave is unfit; the next candidate takes its place. */
  drop(result: Result): void {
    const rest = (this.#waiting.get(result.n) ?? []).filter((known) => known !== result);
    if (rest.length === 0) {
      this.#waiting.delete(result.n);
    } else {
      this.#waiting.set(result.n, rest);
    }
  }

  /** The next number is published. */
  advance(): void {
    this.#waiting.delete(this.#next);
    this.#next += 1;
  }
}

function isSameResult(a: Result, b: Result): boolean {
  return (
    a.made.length === b.made.length &&
    a.made.every((item, i) => {
      const other = b.made[i];
      return (
        other?.rendition === item.rendition &&
        other.sha256 === item.sha256 &&
        other.hotId === item.hotId
      );
    })
  );
}
