/** How late a track's fragments came in the last while: what is usual, and what must be reckoned with. Pure; seconds. */

/** How long a late fragment is remembered. */
const MEMORY = 20;
const BUCKET = 1;
/** So much later than is usual is an outage and not spread: nothing is kept in hand for the next one. */
const OUTAGE = 0.6;
/** It is over when fragments come no later than this again: what comes while it is caught up with belongs to it. */
const OVER = 0.15;
/** Unless nothing was earlier for so long: then that is how it is now. */
const LASTING = 3;

interface Bucket {
  readonly from: number;
  readonly values: number[];
  /** The latest that was no outage, and the earliest. */
  max: number;
  min: number;
  /** Once it is over. */
  median: number | undefined;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** See the head of this file. */
export class Lateness {
  readonly #buckets: Bucket[] = [];
  #usual: number | undefined;
  #isOut = false;

  /** The usual lateness; undefined before there is any. */
  get usual(): number | undefined {
    return this.#usual;
  }

  /** The lateness of the latest fragments that are to be reckoned with; undefined before there is any. */
  get latest(): number | undefined {
    if (this.#usual === undefined) {
      return undefined;
    }
    return Math.max(this.#usual, this.#leastOfLate ?? 0, ...this.#buckets.map(({ max }) => max));
  }

  /** Whether all of the last few seconds was of an outage: it is reckoned with only while it lasts. */
  get isOutage(): boolean {
    return (this.#leastOfLate ?? 0) > (this.#usual ?? 0) + (this.#isOut ? OVER : OUTAGE);
  }

  /** The least that was seen in the last few seconds; undefined before so many are over. */
  get #leastOfLate(): number | undefined {
    const last = this.#buckets.at(-1)?.from ?? 0;
    const isLong = last - (this.#buckets[0]?.from ?? last) >= LASTING - BUCKET;
    const recent = this.#buckets.filter(({ from }) => from > last - LASTING);
    return isLong ? Math.min(...recent.map(({ min }) => min)) : undefined;
  }

  /** A fragment came so late. */
  note(at: number, late: number): void {
    let bucket = this.#buckets.at(-1);
    if (bucket === undefined || at - bucket.from >= BUCKET) {
      if (bucket !== undefined) {
        bucket.median = median(bucket.values);
        bucket.values.length = 0;
      }
      bucket = {
        from: at,
        values: [],
        max: Number.NEGATIVE_INFINITY,
        min: Number.POSITIVE_INFINITY,
        median: undefined,
      };
      this.#buckets.push(bucket);
      while ((this.#buckets[0]?.from ?? at) < at - MEMORY) {
        this.#buckets.shift();
      }
      const over = this.#buckets.flatMap((known) => known.median ?? []);
      this.#usual = over.length === 0 ? late : median(over);
    }
    bucket.values.push(late);
    bucket.min = Math.min(bucket.min, late);
    const more = late - (this.#usual ?? late);
    this.#isOut = more > (this.#isOut ? OVER : OUTAGE);
    if (!this.#isOut) {
      bucket.max = Math.max(bucket.max, late);
    }
  }

  /** What was known is of another way here: another edge, or a connection that had broken. */
  forget(): void {
    this.#buckets.length = 0;
    this.#usual = undefined;
    this.#isOut = false;
  }
}
