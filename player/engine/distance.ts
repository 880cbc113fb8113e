/**
 * How far behind the clock to play: as far as the latest fragments of the last while came, and a margin. It rises at once
 * and falls slowly, and moves in steps, so that viewers who see much the same lateness hold the same distance. Pure.
 */

/** What is told of a fragment, seconds of the shared clock: when the last of it was taken, and when it was here. */
export interface Arrival {
  readonly ended: number;
  readonly at: number;
}

/** See the head of this file. Seconds. */
export interface DistanceOptions {
  /** From a fragment's arrival until it can be shown: appending, decoding, and what the browser wants in hand. */
  readonly margin: number;
  /** A fragment's length: the first frame of one waits for its last. */
  readonly fragment: number;
  readonly first: number;
}

/** Distances are multiples of it. */
const STEP = 0.04;
/** How long a late fragment is remembered. */
const MEMORY = 20;
const BUCKET = 1;
/** So much later than is usual is an outage and not spread: no distance is kept for the next one. */
const OUTAGE = 0.6;
/** How fast it falls, seconds a second: slower than playback may catch up. */
const FALL = 0.02;
/** Nobody who wants to be live is further behind. */
const LONGEST = 6;

interface Bucket {
  readonly from: number;
  readonly latenesses: number[];
}

const stepAbove = (seconds: number): number => Math.ceil(seconds / STEP - 1e-6) * STEP;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** See the head of this file. */
export class Distance {
  readonly #options: DistanceOptions;
  readonly #buckets: Bucket[] = [];
  #exact: number;
  #step: number;
  #notedAt: number | undefined;

  constructor(options: DistanceOptions) {
    this.#options = options;
    this.#exact = options.first;
    this.#step = stepAbove(options.first);
  }

  /** Seconds behind the clock at which to play. */
  get value(): number {
    return this.#step;
  }

  /** The usual lateness of the last while; undefined before there is any. */
  get usual(): number | undefined {
    const all = this.#buckets.flatMap(({ latenesses }) => latenesses);
    return all.length === 0 ? undefined : median(all);
  }

  /** Notes a fragment that came while it was made; those fetched afterwards say nothing. */
  note({ ended, at }: Arrival): void {
    const last = this.#buckets.at(-1);
    if (last !== undefined && at - last.from < BUCKET) {
      last.latenesses.push(at - ended);
    } else {
      this.#buckets.push({ from: at, latenesses: [at - ended] });
      while ((this.#buckets[0]?.from ?? at) < at - MEMORY) {
        this.#buckets.shift();
      }
    }
    this.#follow(at);
  }

  /** Lateness known so far is of another way here: another edge, or a connection that had broken. */
  forget(): void {
    this.#buckets.length = 0;
  }

  #follow(now: number): void {
    const { margin, fragment } = this.#options;
    const all = this.#buckets.flatMap(({ latenesses }) => latenesses);
    const usual = median(all);
    const latest = all.reduce(
      (max, lateness) => (lateness > usual + OUTAGE ? max : Math.max(max, lateness)),
      usual,
    );
    const needed = Math.min(LONGEST, latest + fragment + margin);
    const fallen = this.#exact - FALL * Math.max(0, now - (this.#notedAt ?? now));
    this.#exact = Math.max(needed, fallen);
    this.#notedAt = now;
    const step = stepAbove(this.#exact);
    // Down only from well inside the next step, or noise at a border would move every viewer on his own.
    if (step > this.#step || this.#exact < this.#step - 1.25 * STEP) {
      this.#step = step;
    }
  }
}
