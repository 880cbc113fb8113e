/**
 * A low-latency channel's work ahead of its log: workers are told what is shown, segments are given out before they begin,
 * and the task of each from raw chunks is kept until it must be finished.
 */
import type { Clock } from '#common/clock';
import {
  tellsPlaces,
  type EarlyProgress,
  type EarlyTask,
  type ShownEntry,
} from '#common/contracts/early-task';
import type { MarkEntry } from '#common/contracts/log';
import { generationOf, type Restart } from '#common/contracts/restart';
import type { Task } from '#common/contracts/task';
import { divisionOf } from '#common/division';
import { PipelineError } from '#common/errors';
import { gridOf } from '#common/grid';
import type { Logger } from '#common/logger';
import {
  greatest,
  milliseconds,
  segmentNumber,
  type Milliseconds,
  type SegmentNumber,
} from '#common/time';
import {
  deadlineOf,
  dueEarlyTasks,
  earlyTaskOf,
  isOfSegment,
  nextEarlyTaskDue,
  type DueEarlyTask,
} from '../plan/early.ts';
import { dangerLimit, type Lateness } from '../plan/danger.ts';
import { PartWatch, type WorkerLives } from '../plan/part-watch.ts';
import { restartedTask, splitTask } from '../plan/plan.ts';
import type { AirState, ChannelState } from '../plan/state.ts';
import type { EarlyTasks } from './early-tasks.ts';

/** Entries whose ids are remembered: those of some segments, for early tasks to begin at. */
const MOST_TOLD = 512;
/** A segment that nobody lives to make, and of which no part came for so long, is made from raw chunks; so is one that is whole, and is not published. */
const STANDSTILL_MS = 2_000;
/** One whose worker lives is waited for as long as ffmpeg may hang: where all are slow, making it twice makes all slower. */
const HANGING_MS = 10_000;
/**
 * Segments of a channel with workers at a time: the one that comes, the next, and two that are late. Where more would be, no
 * machine keeps up: more at once would only make all of them later. Those of which only larger pictures are late are further
 * ones: the smallest of those that come does not wait for them.
 */
const MOST_UNDER_WAY = 4;
const MOST_PARTLY_UNDER_WAY = 8;
/** A broadcast begins without anybody standing by: what that starts is not to take cores from its first segments. */
const STANDBY_AFTER = 5;
const BEFORE_ALL_ENTRIES = '0';

/** What early work leads to. */
export interface EarlyEffects {
  /** Tells workers what is shown and heard, in order; resolves to the id of the last entry. */
  shown(channel: string, entries: readonly ShownEntry[]): Promise<string>;
  /** The last entries that workers were told, by whoever led, oldest first. */
  lastShown(channel: string): Promise<readonly ShownEntry[]>;
  /** Places an early task with a worker. */
  readonly early: EarlyTasks['place'];
  /**
   * Of fragments of a segment that are appended from now on only those of this generation count, or of a later one.
   * @returns how many fragments of each rendition, in their order, are out
   */
  restart(
    channel: string,
    renditions: readonly string[],
    segment: { readonly n: SegmentNumber; readonly generation: number; readonly fragments: number },
  ): Promise<readonly number[]>;
  /** When a worker last gave a sign of life, by the clock. */
  lastHeard(worker: string): number | undefined;
  /** Whether a worker's process has ended, or stands still. */
  isAway(worker: string): boolean;
  /**
   * Calls when a worker's process has ended, or stands still.
   * @returns stops calling
   */
  onWorkerAway(listener: () => void): () => void;
  /**
   * Follows how far workers are with a channel's segments.
   * @returns stops following
   */
  progress(channel: string, onProgress: (progress: EarlyProgress) => void): () => void;
}

/** Segments whose results are remembered: they are handed in about when they are closed. */
const MOST_HANDED_IN = 64;
/** Segments that were taken over and are remembered. */
const MOST_RESTARTED = 64;

/** What it works with. */
export interface EarlyWorkDeps {
  readonly effects: EarlyEffects;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Parts by which one may be late in low latency before another worker makes it too. */
  readonly lateAfterParts: number;
  /** Cores that the segment's renditions take, as far as that is known. */
  readonly coresOf: (air: AirState, n: SegmentNumber) => number;
  /** Writes a mark; resolves once the log has it. */
  readonly mark: (mark: Omit<RestartMark, 'epoch'>) => Promise<void>;
  /** Something may be due earlier than it was. */
  readonly onChange: () => void;
}

type RestartMark = Extract<MarkEntry, { t: 'restart' }>;

/** The broadcast on air. */
interface OnAir {
  readonly broadcast: number;
  readonly watch: PartWatch;
  readonly stopFollowing: () => void;
  /** The last segment given out. */
  placed: SegmentNumber | undefined;
}

interface Told {
  /** Of the last of them. */
  readonly id: string;
  readonly entries: readonly ShownEntry[];
}

interface Cold {
  readonly task: Task;
  /** When the segment must be finished. */
  readonly deadline: number;
}

/** See the head of this file. */
export class EarlyWork {
  readonly #channel: string;
  readonly #deps: EarlyWorkDeps;
  /** The last entries that workers were told. */
  #told: Told[] = [];
  /** How far whoever led before has told of each kind, in the broadcast that it told of last. */
  #toldBefore: { readonly broadcast: number; pictures: number; sound: number } | undefined;
  #onAir: OnAir | undefined;
  /** Tasks of closed segments, in order, as long as there is no result of them. */
  #cold: Cold[] = [];
  /** Segments whose encoders begin anew: what that leads to is not in the log yet. */
  readonly #restarting = new Set<SegmentNumber>();
  /** The generations that make segments whose encoders began anew. */
  readonly #generations = new Map<SegmentNumber, number>();
  /** The segments whose results were handed in last. */
  #handedIn: readonly SegmentNumber[] = [];
  /** The last of them that was given away. */
  #overdueTo = segmentNumber(0);

  constructor(channel: string, deps: EarlyWorkDeps) {
    this.#channel = channel;
    this.#deps = deps;
  }

  /** Takes up where the last leader has stopped telling: what it told is not told again when its marks are folded again. */
  async recall(): Promise<void> {
    const entries = await this.#deps.effects.lastShown(this.#channel);
    for (const entry of entries) {
      if (this.#toldBefore?.broadcast !== entry.broadcast) {
        this.#toldBefore = { broadcast: entry.broadcast, pictures: 0, sound: 0 };
      }
      if (tellsPlaces(entry)) {
        this.#toldBefore[entry.t] = Math.max(this.#toldBefore[entry.t], entry.to);
      }
    }
  }

  /** Tells workers what a mark has decided: beside the leader's other effects, for nothing that hangs may be on the way of a frame. */
  tell(decided: readonly ShownEntry[]): void {
    const entries = decided.filter((entry) => !this.#wasTold(entry));
    if (entries.length === 0) {
      return;
    }
    const { clock, effects, logger } = this.#deps;
    for (const entry of entries) {
      if (entry.broadcast === this.#onAir?.broadcast) {
        this.#onAir.watch.told(entry, clock.now());
      }
    }
    effects.shown(this.#channel, entries).then(
      (id) => {
        this.#told.push({ id, entries });
        this.#told = this.#told.slice(-MOST_TOLD);
      },
      (error: unknown) => {
        logger.warn({ error }, 'workers not told what is shown');
      },
    );
  }

  /** Gives out the segments that are due, and again those that are late. */
  place(state: ChannelState): void {
    const { clock } = this.#deps;
    const { air } = state;
    if (air === null || air.profile === 'standard') {
      this.stop();
      return;
    }
    const now = clock.now();
    const onAir = this.#follow(air);
    const due = dueEarlyTasks(this.#channel, state, now, onAir.placed);
    for (const task of due.slice(0, this.#room)) {
      onAir.placed = task.n;
      this.#give(task, air, onAir, 'due');
    }
    // Where all are late, or something is withheld because they were, to help one makes the others later.
    const { lateMs } = onAir.watch.lateness(now);
    const areAllLate =
      onAir.watch.isGoingOn(now) && lateMs > dangerLimit(gridOf(air.fps), air.profile);
    const isShort = (air.sheds.at(-1)?.withheld.length ?? 0) > 0;
    for (const late of onAir.watch.late(now, areAllLate || isShort)) {
      const { n, isLost, isAbandoned, isHung } = late;
      const task = earlyTaskOf(this.#channel, state, air, n);
      const why = isAbandoned ? 'abandoned' : isLost ? 'lost' : isHung ? 'hung' : 'late';
      this.#give(task, air, onAir, why);
    }
  }

  /** A segment is closed: its task is kept until the segment must be finished. */
  closed(task: Task, { profile }: AirState): void {
    if (this.#handedIn.includes(task.n)) {
      return;
    }
    this.#cold.push({ task, deadline: deadlineOf(profile, gridOf(task.fps), task.n) });
  }

  /** Encoders of a segment began anew: so do those of whoever makes it from raw chunks. Its broadcast may be over by then. */
  restarted({ n, generation, from }: Pick<RestartMark, 'n' | 'generation' | 'from'>): void {
    this.#cold = this.#cold.map((cold) =>
      cold.task.n === n ? { ...cold, task: restartedTask(cold.task, { generation, from }) } : cold,
    );
    this.#restarting.delete(n);
  }

  /** What is withheld was decided anew: of closed segments that are not made yet the tasks of what is owed. */
  withhold(air: AirState): readonly Task[] {
    const owed: Task[] = [];
    this.#cold = this.#cold.map((cold) => {
      const split = splitTask(cold.task, air);
      if (split === undefined) {
        return cold;
      }
      owed.push(split.owed);
      return { ...cold, task: split.made };
    });
    return owed;
  }

  /**
   * Tasks whose segments had to be finished by now, and that nobody goes on with: they are the caller's. Where workers are
   * slow, making the same again would make all of them slower.
   */
  overdue(): readonly Task[] {
    const now = this.#deps.clock.now();
    const due = this.#cold.filter((cold) => this.#dueAt(cold) <= now);
    this.#cold = this.#cold.filter((cold) => !due.includes(cold));
    for (const { task } of due) {
      this.#overdueTo = greatest(this.#overdueTo, task.n);
      this.#onAir?.watch.forget(task.n);
    }
    return due.map(({ task }) => task);
  }

  /** When {@link place} or {@link overdue} has something to do next. */
  nextDue(state: ChannelState): Milliseconds {
    return milliseconds(
      Math.min(
        this.#isFull ? Number.POSITIVE_INFINITY : nextEarlyTaskDue(state, this.#onAir?.placed),
        this.#onAir?.watch.dueAt ?? Number.POSITIVE_INFINITY,
        ...this.#cold.map((cold) => this.#dueAt(cold)),
      ),
    );
  }

  /** How late the broadcast's work is; undefined before it has any. */
  get lateness(): Lateness | undefined {
    return this.#onAir?.watch.lateness(this.#deps.clock.now());
  }

  /** The first segment that workers have and that can still be made without some of its renditions. */
  get unfinished(): SegmentNumber | undefined {
    const unfinished = this.#onAir?.watch.unfinished;
    return unfinished && greatest(unfinished, segmentNumber(this.#overdueTo + 1));
  }

  /** The last segment that was given out. */
  get given(): SegmentNumber | undefined {
    return this.#onAir?.placed;
  }

  /** Watches nothing any more. */
  stop(): void {
    this.#onAir?.stopFollowing();
    this.#onAir = undefined;
  }

  /** Segments that workers may be given beside those that they have. */
  get #room(): number {
    const { leastUnderWay = 0, underWay = 0 } = this.#onAir?.watch ?? {};
    return Math.max(0, Math.min(MOST_UNDER_WAY - leastUnderWay, MOST_PARTLY_UNDER_WAY - underWay));
  }

  get #isFull(): boolean {
    return this.#room === 0;
  }

  /** When a closed segment is to be made from raw chunks, as things stand. */
  #dueAt({ task: { n }, deadline }: Cold): number {
    const watch = this.#onAir?.watch;
    if (this.#restarting.has(n)) {
      return Number.POSITIVE_INFINITY;
    }
    if (watch === undefined) {
      return deadline;
    }
    const isAlive = watch.isAlive(n, this.#deps.clock.now());
    return Math.max(deadline, watch.standsStillSince(n) + (isAlive ? HANGING_MS : STANDSTILL_MS));
  }

  #wasTold(entry: ShownEntry): boolean {
    const before = this.#toldBefore;
    return (
      before?.broadcast === entry.broadcast && tellsPlaces(entry) && entry.to <= before[entry.t]
    );
  }

  #give(
    task: DueEarlyTask,
    air: AirState,
    { watch }: OnAir,
    why: 'due' | 'late' | 'hung' | 'lost' | 'abandoned',
  ): void {
    const { clock, coresOf, effects, logger, onChange } = this.#deps;
    const grid = gridOf(air.fps);
    // Pictures run ahead of sound: what comes after the first that is of the segment may be of one before.
    const first = this.#told.findIndex(({ entries }) =>
      entries.some(
        (entry) => entry.broadcast === task.broadcast && isOfSegment(grid, task.n, entry),
      ),
    );
    const before = first === -1 ? this.#told.at(-1) : this.#told[first - 1];
    const placed: EarlyTask = {
      ...task,
      after: before?.id ?? BEFORE_ALL_ENTRIES,
      ...(why === 'due' || why === 'late' ? {} : { isTakenOver: true }),
    };
    const cores = coresOf(air, task.n);
    const wishes = {
      avoided: watch.silent(clock.now()),
      failed: watch.failed(task.n),
      mustFit: why === 'late' || why === 'hung',
      onOtherMachine: why === 'late',
      withStandby: why === 'due' && task.n >= task.broadcast + STANDBY_AFTER,
    };
    // What is made again is known already, and may be whole by the time of the answer.
    const findsNobody = (): void => {
      if (why === 'due') {
        watch.wanted(task.n, clock.now());
        onChange();
      }
    };
    const prepared = async (): Promise<EarlyTask> =>
      // What comes of one that may still live counts, whatever it takes: it is not to begin anew.
      why === 'abandoned' ? this.#restart(placed) : placed;
    effects.early(placed, cores, wishes, prepared).then(
      (worker) => {
        if (worker !== undefined) {
          if (why !== 'due') {
            logger.warn({ n: task.n, why, worker }, 'made by another worker too');
          }
          watch.placed(task.n, worker, clock.now());
          if (task.n === air.broadcast && why === 'due') {
            watch.begins(clock.now());
          }
          onChange();
        } else {
          findsNobody();
        }
      },
      (error: unknown) => {
        logger.warn({ n: task.n, error }, 'early task not placed');
        findsNobody();
      },
    );
  }

  /**
   * Has a segment's encoders begin anew behind what is out of it.
   * @throws PipelineError `ABORTED` where it is made from raw chunks by now
   */
  async #restart(task: EarlyTask): Promise<EarlyTask> {
    const { effects, mark } = this.#deps;
    const { broadcast, n } = task;
    const pictures = task.renditions.flatMap(({ id, kind }) => (kind === 'video' ? [id] : []));
    if (n <= this.#overdueTo) {
      throw new PipelineError('ABORTED', 'it is made from raw chunks');
    }
    this.#restarting.add(n);
    try {
      const { fragments } = divisionOf(gridOf(task.fps), task.profile);
      const generation = generationOf(task.restarts) + 1;
      const segment = { n, generation, fragments };
      const made = await effects.restart(this.#channel, pictures, segment);
      const from = Object.fromEntries(
        pictures.map((id, i) => [id, made[i] ?? 0] as const).filter(([, count]) => count > 0),
      );
      const before = task.restarts?.at(-1)?.from ?? {};
      if (pictures.every((id) => (from[id] ?? 0) === (before[id] ?? 0))) {
        this.#restarting.delete(n);
        return task;
      }
      const restart: Restart = { generation, from };
      await mark({ t: 'restart', broadcast, n, ...restart });
      this.#count(n, generation);
      return { ...task, restarts: [...(task.restarts ?? []), restart] };
    } catch (error) {
      this.#restarting.delete(n);
      throw error;
    }
  }

  /** From now on what is told of a segment counts if it is of that generation. */
  #count(n: SegmentNumber, generation: number): void {
    this.#generations.set(n, generation);
    for (const oldest of [...this.#generations.keys()].slice(0, -MOST_RESTARTED)) {
      this.#generations.delete(oldest);
    }
  }

  #follow({ broadcast, fps, profile }: AirState): OnAir {
    if (this.#onAir?.broadcast === broadcast) {
      return this.#onAir;
    }
    this.stop();
    const { clock, effects, lateAfterParts, onChange } = this.#deps;
    const lives: WorkerLives = {
      lastHeard: (worker) => effects.lastHeard(worker),
      isAway: (worker) => effects.isAway(worker),
    };
    const watch = new PartWatch(gridOf(fps), profile, lives, lateAfterParts);
    const stopListening = effects.onWorkerAway(onChange);
    const stopProgress = effects.progress(this.#channel, (progress) => {
      const { n, parts, leastParts, worker, generation, hasFailed, isHandedIn } = progress;
      // One that only stood still goes on telling of what does not count any more.
      if (progress.broadcast !== broadcast || generation < (this.#generations.get(n) ?? 0)) {
        return;
      }
      if (isHandedIn === true) {
        // It may wait there for one before it, which is no reason to make it again.
        this.#handedIn = [...this.#handedIn, n].slice(-MOST_HANDED_IN);
        this.#cold = this.#cold.filter(({ task }) => task.n !== n);
      }
      if (hasFailed === true) {
        watch.gaveUp(n, worker);
        onChange();
      } else {
        const wasFull = this.#isFull;
        watch.made(n, parts, clock.now(), leastParts);
        if (wasFull) {
          onChange();
        }
      }
    });
    const stopFollowing = (): void => {
      stopListening();
      stopProgress();
    };
    this.#onAir = { broadcast, watch, stopFollowing, placed: undefined };
    return this.#onAir;
  }
}
