/** Requests that wait for what is about to exist, bounded in number and time. */
import type { Clock } from '#common/clock';
import { fromSeconds, milliseconds, type Milliseconds } from '#common/time';
import type { Exchange } from './answer.ts';

/** Held requests at a time, over all channels: each costs some 14 kB. */
const MAX_HELD = 5_000;

/** Segment lengths a request for media is held at most. */
const HELD_SEGMENTS = 4;

/** What a look gives: an answer, or nothing yet. */
export type Looked<T> = T | 'wait';

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

  /** Wakes everyone who waits on a channel; each looks again. */
  release(channel: string): void {
    const woken = this.#waiting.get(channel);
    this.#waiting.delete(channel);
    for (const wake of woken ?? []) {
      wake();
    }
  }

  /**
   * Looks, and looks again at every change of the channel, until there is an answer.
   * @param seconds a segment's length
   * @param heldSegments how long it is held at most
   * @returns `'gave-up'` when that takes longer
   */
  async hold<T>(
    { response }: Exchange,
    channel: string,
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
        if (!(await this.wait(channel, until, gone.signal))) {
          return 'gave-up';
        }
      }
    } finally {
      response.off('close', onClose);
    }
  }

  /**
   * Waits for a change of the channel.
   * @param until clock time at which to give up
   * @returns false when the time is over, too many wait already, or the client is gone
   */
  async wait(channel: string, until: Milliseconds, gone: AbortSignal): Promise<boolean> {
    const left = (until - this.#clock.now()) / this.#clock.rate;
    if (left <= 0 || gone.aborted || this.#held >= MAX_HELD) {
      return false;
    }
    this.#held += 1;
    try {
      return await new Promise<boolean>((resolve) => {
        const waiting = this.#waiting.get(channel) ?? new Set();
        this.#waiting.set(channel, waiting);
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
