/**
 * When the processes of a channel's segments may be started. While one that was taken over is caught up with, viewers wait for that, and
 * starting what comes after it would take the cores that it needs. Pure but for waking who waits.
 */
import { frameIndex, greatest, type FrameIndex } from '#common/time';
import { Waiters } from './waiters.ts';

/** A segment whose processes are to be started. */
export interface Starting {
  /** Its first place. */
  readonly first: FrameIndex;
  /** Viewers wait for what is missing of it. */
  readonly isTakenOver: boolean;
  /** So many of its places may be told, and it waits no longer. */
  readonly mostTold: number;
}

/** See the head of this file. */
export class StartOrder {
  readonly #isCatchingUp: (before: FrameIndex) => boolean;
  readonly #queued = new Set<Starting>();
  readonly #waiters = new Waiters();
  /** How far pictures are told. */
  #told = frameIndex(0);

  /** @param isCatchingUp whether a segment before some place, whose processes are started, is being caught up with */
  constructor(isCatchingUp: (before: FrameIndex) => boolean) {
    this.#isCatchingUp = isCatchingUp;
  }

  /**
   * Resolves when they may be, or nobody waits for it any more.
   * @returns to be called when they are started
   */
  async turn(starting: Starting, signal: AbortSignal): Promise<() => void> {
    this.#queued.add(starting);
    await this.#waiters.until(() => this.#mayStart(starting), signal);
    return () => {
      this.#queued.delete(starting);
      this.look();
    };
  }

  /** Pictures are told up to there. */
  told(to: FrameIndex): void {
    this.#told = greatest(this.#told, to);
    this.look();
  }

  /** A segment may have been caught up with. */
  look(): void {
    this.#waiters.wake();
  }

  #mayStart({ first, mostTold }: Starting): boolean {
    const isNext = [...this.#queued].every((other) => !other.isTakenOver || other.first >= first);
    return this.#told - first > mostTold || (isNext && !this.#isCatchingUp(first));
  }
}
