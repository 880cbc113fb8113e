/** What a worker has done since its start, as it tells in its heartbeat. */
import type { ServiceRecord } from '#common/contracts/status';
import type { Task } from '#common/contracts/task';
import { gridOf, segmentSeconds } from '#common/grid';

/** Medians are over this many tasks. */
const LAST_TASKS = 50;

interface Done {
  /** Real milliseconds. */
  readonly ms: number;
  /** Seconds of the channel's time made in a second. */
  readonly speed: number;
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return sorted.length === 0 ? null : (low + high) / 2;
}

/** See the head of this file. */
export class Tally {
  #done = 0;
  #failed = 0;
  readonly #last: Done[] = [];

  /** Counts a task that was done in so many real milliseconds. */
  done({ fps }: Pick<Task, 'fps'>, ms: number): void {
    this.#done += 1;
    this.#last.push({ ms, speed: (segmentSeconds(gridOf(fps)) * 1000) / ms });
    if (this.#last.length > LAST_TASKS) {
      this.#last.shift();
    }
  }

  /** Counts a task that failed. */
  failed(): void {
    this.#failed += 1;
  }

  /** What the heartbeat carries while this task, or none, is under way. */
  detail(task: Pick<Task, 'channel' | 'n'> | null): ServiceRecord['detail'] {
    return {
      task: task && `${task.channel}-${task.n}`,
      done: this.#done,
      failed: this.#failed,
      taskMs: median(this.#last.map(({ ms }) => ms)),
      speed: median(this.#last.map(({ speed }) => speed)),
    };
  }
}
