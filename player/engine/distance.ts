/**
 * How far behind the clock to play: as far as the latest fragments of the last while came, and a margin. It rises at once
 * and falls slowly, but for an outage that is over, and moves in steps, so that viewers who see much the same lateness hold the same distance. Pure.
 */
import { Lateness } from './lateness.ts';

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
  /** It is never less. */
  readonly least: number;
}

/** Distances are multiples of it. */
const STEP = 0.04;
/** How fast it falls, seconds a second, near to what is needed and far from it: slower than playback may catch up. */
const FALL = { near: 0.02, far: 0.04 };
const FAR = 0.3;
/** After an outage that was reckoned with, so long without another until what it added is given up at once, by a jump. */
const RETURN = 4;
/** Nobody who wants to be live is further behind. */
const LONGEST = 6;

const stepAbove = (seconds: number): number => Math.ceil(seconds / STEP - 1e-6) * STEP;

/** See the head of this file. */
export class Distance {
  readonly #options: DistanceOptions;
  readonly #tracks = new Map<string, Lateness>();
  #exact: number;
  #step: number;
  #notedAt: number | undefined;
  /** When the outage that the distance has grown by was seen last. */
  #outageAt: number | undefined;

  constructor(options: DistanceOptions) {
    this.#options = options;
    this.#exact = Math.max(options.first, options.least);
    this.#step = stepAbove(this.#exact);
  }

  /** Seconds behind the clock at which to play. */
  get value(): number {
    return this.#step;
  }

  /** The usual lateness of a track's fragments; undefined before there is any. */
  usual(track: string): number | undefined {
    return this.#tracks.get(track)?.usual;
  }

  /** Notes a fragment that came while it was made; those fetched afterwards say nothing. */
  note(track: string, { ended, at }: Arrival): void {
    let lateness = this.#tracks.get(track);
    if (lateness === undefined) {
      lateness = new Lateness();
      this.#tracks.set(track, lateness);
    }
    lateness.note(at, at - ended);
    this.#follow(at);
  }

  /** What was known is of another way here. */
  forget(): void {
    for (const lateness of this.#tracks.values()) {
      lateness.forget();
    }
  }

  #follow(now: number): void {
    const { margin, fragment, least } = this.#options;
    const latest = Math.max(...[...this.#tracks.values()].map((track) => track.latest ?? 0));
    const needed = Math.max(least, Math.min(LONGEST, latest + fragment + margin));
    if ([...this.#tracks.values()].some((track) => track.isOutage)) {
      this.#outageAt = now;
    } else if (this.#outageAt !== undefined && now - this.#outageAt >= RETURN) {
      this.#outageAt = undefined;
      this.#exact = Math.min(this.#exact, needed);
    }
    const fall = this.#exact - needed > FAR ? FALL.far : FALL.near;
    const fallen = this.#exact - fall * Math.max(0, now - (this.#notedAt ?? now));
    this.#exact = Math.max(needed, fallen);
    this.#notedAt = now;
    const step = stepAbove(this.#exact);
    // Down only from well inside the next step, or noise at a border would move every viewer on his own.
    const isWellBelow = this.#exact < this.#step - 1.25 * STEP || this.#exact === least;
    if (step > this.#step || isWellBelow) {
      this.#step = step;
    }
  }
}
