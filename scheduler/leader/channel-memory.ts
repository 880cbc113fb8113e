/**
 * What this process knows of channels it leads or led a moment ago. Redis has all of it, too; when Redis is emptied
 * while a broadcast is on air, the next leadership goes on from here instead of ending it.
 */
import type { Task } from '#common/contracts/task';
import { gridOf, timeOfSegment } from '#common/grid';
import { segmentNumber } from '#common/time';
import type { ChannelState } from '../plan/state.ts';

/** Older than this, real milliseconds, somebody else may have led in between. */
const FRESH_MS = 10_000;
/** A task given out is given again unless it is known to be done for so long, clock milliseconds. */
const KEPT_MS = 20_000;
/** Tasks of one channel, should nobody ever finish one. */
const MOST_TASKS = 250;

interface Known {
  readonly state: ChannelState;
  tasks: readonly Task[];
  at: number;
}

/** See the head of this file. */
export class ChannelMemory {
  readonly #known = new Map<string, Known>();
  readonly #now: () => number;

  /** @param now real time, monotonic */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The state as of now; it is the caller's own, which goes on changing. */
  keep(channel: string, state: ChannelState): void {
    const known = this.#known.get(channel);
    if (known?.state === state) {
      known.at = this.#now();
    } else {
      this.#known.set(channel, { state, tasks: known?.tasks ?? [], at: this.#now() });
    }
  }

  /**
   * A task is given out.
   * @param isOpen whether the task of a number is still to be done
   */
  gave(task: Task, clockNow: number, isOpen: (n: number) => boolean): void {
    const known = this.#known.get(task.channel);
    if (known === undefined) {
      return;
    }
    const grid = gridOf(task.fps);
    const isKept = ({ n }: Task): boolean =>
      isOpen(n) || timeOfSegment(grid, segmentNumber(n + 1)) > clockNow - KEPT_MS;
    known.tasks = [...known.tasks.filter(isKept), task].slice(-MOST_TASKS);
  }

  /** What was known of a channel, if that is new enough to be its present. */
  recall(
    channel: string,
  ): { readonly state: ChannelState; readonly tasks: readonly Task[] } | undefined {
    const known = this.#known.get(channel);
    return known !== undefined && this.#now() - known.at <= FRESH_MS ? known : undefined;
  }

  /** The channel is gone. */
  forget(channel: string): void {
    this.#known.delete(channel);
  }
}
