/** Requests that wait for what is about to exist, bounded in number and time. */
import type { Clock } from '#common/clock';
import { fromSeconds, milliseconds, type Milliseconds } from '#common/time';
import type { Exchange } from './answer.ts';

/** Held requests at a time, over all channels: each costs some 14 kB. */
const MAX_HELD = 5_000;

/** Segment lengths a request is held at most, unless it says less. */
const HELD_SEGMENTS = 4;

/** What a look gives: an answer, or nothing yet. */
export type Looked<T> = T | 'wait';

/** What waits for one rendition only, where it grows by fragments: most news are of no concern to the others. */
export const subjectOf = (channel: string, rendition: string): string => `${channel}/${rendition}`;

/** See the head of this file. */
export class Holds {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #clock: Clock;
  #held = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Requests held now. */
  get held(): number {
    return this.#held;
  }

  /** Wakes everyone who waits on a channel, or what of it is named; each looks again. */
  release(subject: string): void {
    const woken = this.#waiting.get(subject);
    this.#waiting.delete(subject);
    for (const wake of woken ?? []) {
      wake();
    }
  }

  /**
   * Looks, and looks again at every change of the subject, until there is an answer.
   * @param subject a channel, or what of it `release` names
   * @param seconds a segment's length
   * @param heldSegments how long it is held at most
   * @returns `'gave-up'` when that takes longer
   */
  async hold<T>(
    { response }: Exchange,
    subject: string,
    seconds: number,
    look: () => Looked<T> | Promise<Looked<T>>,
    heldSegments = HELD_SEGMENTS,
  ): Promise<T | 'gave-up'> {
    const until = milliseconds(this.#clock.now() + fromSeconds(heldSegments * seconds));
    const gone = new AbortController();
    const onClose = (): void => {
      gone.abort();
    };
    response.once('close', onClose);
    try {
      for (;;) {
        const looked = await look();
        if (looked !== 'wait') {
          return looked;
        }
        if (!(await this.wait(subject, until, gone.signal))) {
          return 'gave-up';
        }
      }
    } finally {
      response.off('close', onClose);
    }
  }

  /**
   * Waits for a change of the subject.
   * @param until clock time at which to give up
   * @returns false when the time is over, too many wait already, or the client is gone
   */
  async wait(subject: string, until: Milliseconds, gone: AbortSignal): Promise<boolean> {
    const left = (until - this.#clock.now()) / this.#clock.rate;
    if (left <= 0 || gone.aborted || this.#held >= MAX_HELD) {
      return false;
    }
    this.#held += 1;
    try {
      return await new Promise<boolean>((resolve) => {
        const waiting = this.#waiting.get(subject) ?? new Set();
        this.#waiting.set(subject, waiting);
        const end = (isChanged: boolean): void => {
          clearTimeout(timer);
          gone.removeEventListener('abort', onGone);
          waiting.delete(onChange);
          resolve(isChanged);
        };
        const onChange = (): void => {
          end(true);
        };
        const onGone = (): void => {
          end(false);
        };
        const timer = setTimeout(onGone, left);
        waiting.add(onChange);
        gone.addEventListener('abort', onGone, { once: true });
      });
    } finally {
      this.#held -= 1;
    }
  }
}
