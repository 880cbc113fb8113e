/** What a worker does and has done since its start, of the queue and on time, as it tells in its heartbeat. */
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

type Named = Pick<Task, 'channel' | 'n'>;

/** See the head of this file. */
export class Tally {
  #done = 0;
  #failed = 0;
  readonly #last: Done[] = [];
  /** The oldest first. */
  readonly #underWay = new Set<Named>();
  #onChange = (): void => undefined;

  /** Calls when the task under way is another. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** A task is begun. */
  begins(task: Named): void {
    this.#underWay.add(task);
    this.#onChange();
  }

  /** It is not worked on any more, however that ended. */
  ends(task: Named): void {
    this.#underWay.delete(task);
    this.#onChange();
  }

  /** Counts one that was made while its segment happened: how long that took says nothing of how fast the worker is. */
  madeOnTime(): void {
    this.#done += 1;
  }

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

  /** What the heartbeat carries; of the tasks under way the one that was begun first. */
  detail(): ServiceRecord['detail'] {
    const [task] = this.#underWay;
    return {
      task: task === undefined ? null : `${task.channel}-${task.n}`,
      done: this.#done,
      failed: this.#failed,
      taskMs: median(this.#last.map(({ ms }) => ms)),
      speed: median(this.#last.map(({ speed }) => speed)),
    };
  }
}
