/**
 * A low-latency channel's work ahead of its log: workers are told what is shown, segments are given out before they begin,
 * and the task of each from raw chunks is kept until it must be finished.
 */
import type { Clock } from '#common/clock';
import type { EarlyTask, ShownEntry } from '#common/contracts/early-task';
import type { Task } from '#common/contracts/task';
import { gridOf } from '#common/grid';
import type { Logger } from '#common/logger';
import { milliseconds, segmentNumber, type Milliseconds, type SegmentNumber } from '#common/time';
import { deadlineOf, dueEarlyTasks, isOfSegment, nextEarlyTaskDue } from '../plan/early.ts';
import type { AirState, ChannelState } from '../plan/state.ts';

/** Entries whose ids are remembered: those of some segments, for early tasks to begin at. */
const MOST_TOLD = 512;
const BEFORE_ALL_ENTRIES = '0';

/** What early work leads to. */
export interface EarlyEffects {
  /** Tells workers what is shown and heard, in order; resolves to the id of the last entry. */
  shown(channel: string, entries: readonly ShownEntry[]): Promise<string>;
  /** Places an early task with a worker. */
  early(task: EarlyTask, cores: number): Promise<void>;
}

/** What it works with. */
export interface EarlyWorkDeps {
  readonly effects: EarlyEffects;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Told {
  readonly id: string;
  readonly last: ShownEntry;
}

interface Cold {
  readonly task: Task;
  readonly dueAt: Milliseconds;
}

/** See the head of this file. */
export class EarlyWork {
  readonly #channel: string;
  readonly #deps: EarlyWorkDeps;
  /** The last entries that workers were told. */
  #told: Told[] = [];
  /** The last segment given out. */
  #placed: { readonly broadcast: number; readonly n: SegmentNumber } | undefined;
  /** Tasks of closed segments, in order. */
  #cold: Cold[] = [];

  constructor(channel: string, deps: EarlyWorkDeps) {
    this.#channel = channel;
    this.#deps = deps;
  }

  /** Tells workers what a mark has decided: beside the leader's other effects, for nothing that hangs may be on the way of a frame. */
  tell(entries: readonly ShownEntry[]): void {
    const last = entries.at(-1);
    if (last === undefined) {
      return;
    }
    this.#deps.effects.shown(this.#channel, entries).then(
      (id) => {
        this.#told.push({ id, last });
        this.#told = this.#told.slice(-MOST_TOLD);
      },
      (error: unknown) => {
        this.#deps.logger.warn({ error }, 'workers not told what is shown');
      },
    );
  }

  /** Gives out the segments that are due. */
  place(state: ChannelState): void {
    const { clock, effects, logger } = this.#deps;
    const { air } = state;
    if (air === null) {
      return;
    }
    const grid = gridOf(air.fps);
    const cores = air.admission?.takenCores ?? 0;
    for (const task of dueEarlyTasks(this.#channel, state, clock.now(), this.#placedOf(air))) {
      const before = this.#told.findLast(({ last }) => !isOfSegment(grid, task.n, last));
      this.#placed = { broadcast: air.broadcast, n: task.n };
      effects
        .early({ ...task, after: before?.id ?? BEFORE_ALL_ENTRIES }, cores)
        .catch((error: unknown) => {
          logger.warn({ n: task.n, error }, 'early task not placed');
        });
    }
  }

  /** A segment is closed: its task is kept until the segment must be finished. */
  closed(task: Task, { profile }: AirState): void {
    const dueAt = deadlineOf(profile, gridOf(task.fps), segmentNumber(task.n));
    this.#cold.push({ task, dueAt });
  }

  /** Tasks whose segments had to be finished by now: they are the caller's. */
  overdue(): readonly Task[] {
    const now = this.#deps.clock.now();
    const due = this.#cold.filter(({ dueAt }) => dueAt <= now);
    this.#cold = this.#cold.filter(({ dueAt }) => dueAt > now);
    return due.map(({ task }) => task);
  }

  /** When {@link place} or {@link overdue} has something to do next. */
  nextDue(state: ChannelState): Milliseconds {
    const { air } = state;
    return milliseconds(
      Math.min(
        nextEarlyTaskDue(state, air === null ? undefined : this.#placedOf(air)),
        ...this.#cold.map(({ dueAt }) => dueAt),
      ),
    );
  }

  #placedOf({ broadcast }: AirState): SegmentNumber | undefined {
    return this.#placed?.broadcast === broadcast ? this.#placed.n : undefined;
  }
}
