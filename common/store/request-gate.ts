/** Bounds what a store's client has under way: so many requests at once, so many waiting, each with a deadline. */
import { PipelineError } from '../errors.ts';

/** Bounds of a gate. */
export interface GateLimits {
  readonly running: number;
  readonly waiting: number;
}

interface Waiting {
  readonly enter: () => void;
}

/** See the head of this file. */
export class RequestGate {
  readonly #limits: GateLimits;
  readonly #waiting = new Set<Waiting>();
  #running = 0;

  constructor(limits: GateLimits) {
    this.#limits = limits;
  }

  /** Requests under way and waiting. */
  get load(): number {
    return this.#running + this.#waiting.size;
  }

  /**
   * Takes a place, waiting for one as long as the signal allows.
   * @returns gives the place back; may be called more than once
   * @throws PipelineError `OVERLOADED` at once when too many wait already; the signal's reason
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#running >= this.#limits.running) {
      if (this.#waiting.size >= this.#limits.waiting) {
        throw new PipelineError('OVERLOADED', 's3: too many requests wait for the store');
      }
      await this.#wait(signal);
    } else {
      this.#running += 1;
    }
    let hasLeft = false;
    return () => {
      if (!hasLeft) {
        hasLeft = true;
        this.#leave();
      }
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const place: Waiting = {
        enter: () => {
          signal.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      const giveUp = (): void => {
        this.#waiting.delete(place);
        reject(signal.reason as Error);
      };
      this.#waiting.add(place);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** The place goes to who has waited longest. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running -= 1;
    } else {
      this.#waiting.delete(next);
      next.enter();
    }
  }
}

/** Settles as the work does, or rejects with the signal's reason, whichever is first. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) {
      giveUp();
    }
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', giveUp);
    });
  });
}
