/**
 * What Redis told last. One question is under way at a time, however many ask: while Redis is away ioredis keeps every
 * command, and so one for each viewer would fill the edge's memory.
 */
import { PipelineError } from '#common/errors';
import { withDeadline } from '#common/lifecycle';

/** What is asked, and how often. Times are real milliseconds. */
export interface LastKnownOptions<T> {
  /** What it is, for the error of who asks before anything is known. */
  readonly name: string;
  /** The question; it may never be answered. */
  readonly ask: () => Promise<T>;
  /** An answer younger than this is not asked for again. */
  readonly freshMs: number;
  /** Nobody waits longer, and once somebody has waited so long nobody waits until Redis answers again. */
  readonly patienceMs: number;
  /** Monotonic. */
  readonly now?: () => number;
}

/** See the head of this file. */
export class LastKnown<T> {
  readonly #options: LastKnownOptions<T>;
  readonly #now: () => number;
  #known: { readonly value: T; readonly at: number } | undefined;
  /** Ends with the answer, or when it has been waited for; never rejects. */
  #waiting: Promise<void> = Promise.resolve();
  #isAsking = false;
  #isAway = false;
  #askAgainAt = -Infinity;

  constructor(options: LastKnownOptions<T>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * The answer of now, else the last one.
   * @throws PipelineError `UNAVAILABLE` while there has not been any
   */
  async get(): Promise<T> {
    const { name, freshMs } = this.#options;
    const now = this.#now();
    if (this.#known === undefined || now - this.#known.at >= freshMs) {
      if (!this.#isAsking && now >= this.#askAgainAt) {
        this.#askAgainAt = now + freshMs;
        this.#ask();
      }
      if (!this.#isAway) {
        await this.#waiting;
      }
    }
    if (this.#known === undefined) {
      throw new PipelineError('UNAVAILABLE', `${name}: Redis has not answered yet; ask again`);
    }
    return this.#known.value;
  }

  #ask(): void {
    const { ask, patienceMs, name } = this.#options;
    this.#isAsking = true;
    const answered = ask().then(
      (value) => {
        this.#known = { value, at: this.#now() };
        this.#isAsking = false;
        this.#isAway = false;
      },
      () => {
        this.#isAsking = false;
        this.#isAway = true;
      },
    );
    this.#waiting = withDeadline(answered, patienceMs, name).catch(() => {
      this.#isAway = true;
    });
  }
}
