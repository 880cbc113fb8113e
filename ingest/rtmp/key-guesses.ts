/**
 * How long an answer to `publish` waits, after publishers from the same source were refused. The wait comes before the
 * key is looked at, so that right and wrong keys wait alike, and is short enough for somebody honest behind the same
 * address. Pure.
 */

/** Refusals without a wait: a mistyped key, an encoder that comes back too early. */
const FREE = 5;
/** First wait, doubled with every refusal, and the longest, milliseconds. */
const FIRST_WAIT = 25;
const LONGEST_WAIT = 250;
/** One refusal is forgotten in so many milliseconds. */
const FORGOTTEN_AFTER = 2000;
/** So much is remembered at most: the longest wait and a little, over within half a minute. */
const MAX_SCORE = 15;
/** Sources remembered; beyond it the one refused longest ago is forgotten. */
const MAX_SOURCES = 4096;

interface Score {
  readonly value: number;
  readonly at: number;
}

/** See the head of this file. */
export class KeyGuesses {
  readonly #scores = new Map<string, Score>();

  /** Sources remembered. */
  get size(): number {
    return this.#scores.size;
  }

  /** Milliseconds that the next answer to this source waits. */
  wait(source: string, now: number): number {
    const over = Math.floor(this.#score(source, now)) - FREE;
    return over < 0 ? 0 : Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** over);
  }

  /** Notes that a publisher was refused. */
  refused(source: string, now: number): void {
    const value = Math.min(MAX_SCORE, this.#score(source, now) + 1);
    this.#scores.delete(source);
    this.#scores.set(source, { value, at: now });
    const [oldest] = this.#scores.keys();
    if (this.#scores.size > MAX_SOURCES && oldest !== undefined) {
      this.#scores.delete(oldest);
    }
  }

  #score(source: string, now: number): number {
    const { value, at } = this.#scores.get(source) ?? { value: 0, at: now };
    return Math.max(0, value - (now - at) / FORGOTTEN_AFTER);
  }
}
