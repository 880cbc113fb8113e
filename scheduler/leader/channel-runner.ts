/** One channel under the leader: its log is folded, what follows from it is given out, and its marks are decided. */
import { appendMarks, type Lease, type LogRecord } from '#common/channel-log';
import type { Clock } from '#common/clock';
import type { Admission } from '#common/contracts/admission';
import type { Channel } from '#common/contracts/channel';
import type { Broadcast } from '#common/contracts/segment';
import type { Task } from '#common/contracts/task';
import { gridOf, timeOfSegment, type FpsName } from '#common/grid';
import { closingWait } from '#common/lateness';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import type { Milliseconds, SegmentNumber } from '#common/time';
import type { Means } from '../plan/admission.ts';
import { decide } from '../plan/decide.ts';
import { fold } from '../plan/fold.ts';
import { loadWarning } from '#common/load-warning';
import { planSegment } from '../plan/plan.ts';
import { roomWith, type Room } from '../plan/room.ts';
import {
  emptyChannel,
  nextSegment,
  sessionOf,
  type AirState,
  type ChannelState,
} from '../plan/state.ts';
import type { ChannelMemory } from './channel-memory.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { Stuck } from './stuck.ts';

const CHECKPOINT_SECONDS = 30;
/** Marks decided in one turn: enough to catch up after a pause, too few to starve other channels. */
const MOST_TURNS = 64;
const DROP_EVERY_MS = 1_000;

/** What a channel's log leads to. Each is done again after a crash, so each is idempotent. */
export interface Effects {
  start(broadcast: Broadcast): Promise<void>;
  segment(task: Task): Promise<void>;
  end(broadcast: Broadcast): Promise<void>;
  /** A feed has decided the channel's frame rate; asked again until that is kept. */
  decideFps(channel: string, fps: FpsName): Promise<void>;
  /** Disconnects the channel's publisher. */
  dropFeed(channel: string): Promise<void>;
  /** What remains of a broadcast that the log has forgotten: the numbers above it are free. */
  settle(channel: string): Promise<SegmentNumber>;
  /** Numbers already published. */
  published(channel: string): Promise<ReadonlySet<number>>;
  /** Whether the task of a number is given out and not finished. */
  isOpen(channel: string, n: number): boolean;
  /** The lowest number of a broadcast that is not published. */
  nextToPublish(channel: string, broadcast: number): Promise<number>;
  /** Gives out the task of a number again whose results did not do, unless any of them is still on its way. */
  giveAgain(channel: string, n: number): Promise<void>;
}

/** What a runner works with. */
export interface RunnerDeps {
  readonly redis: Redis;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lease: Lease;
  /** What the owner set for how long a place stays open; undefined: the profile decides. */
  readonly closeAfter: Milliseconds | undefined;
  readonly effects: Effects;
  /** Cores free for a broadcast that begins now, in those of `common/transcode-cost.ts`; null when no worker is known. */
  readonly freeCores: () => Promise<number | null>;
  readonly memory: ChannelMemory;
}

/** See the head of this file. */
export class ChannelRunner {
  readonly #deps: RunnerDeps;
  readonly #id: string;
  #channel: Channel;
  #state: ChannelState = emptyChannel();
  #lastId = '0-0';
  #checkpointId = '0-0';
  #checkpointAt = 0;
  /** The broadcast that its operator ends. */
  #endAsked: number | undefined;
  #droppedAt = 0;
  /** What is free for the feed that waits for its first segment. */
  #room: Room | undefined;
  readonly #stuck = new Stuck();
  /** The broadcast that ended last, until all of it is published. */
  #ended: { readonly broadcast: number; readonly last: number } | undefined;
  /** Effects not done yet, in order. */
  readonly #due: (() => Promise<void>)[] = [];
  /** Numbers published before this leader began; undefined once it has caught up. */
  #published: ReadonlySet<number> | undefined;

  private constructor(channel: Channel, deps: RunnerDeps) {
    this.#channel = channel;
    this.#id = channel.id;
    this.#deps = { ...deps, logger: deps.logger.child({ channel: channel.id }) };
  }

  /** Takes up a channel where its last leader left it. */
  static async open(channel: Channel, deps: RunnerDeps): Promise<ChannelRunner> {
    const runner = new ChannelRunner(channel, deps);
    const checkpoint = await readCheckpoint(deps.redis, channel.id);
    const recalled = checkpoint === 'none' ? deps.memory.recall(channel.id) : undefined;
    if (checkpoint === 'none' || 'foreign' in checkpoint) {
      if (checkpoint !== 'none') {
        runner.#lastId = checkpoint.id;
        runner.#deps.logger.warn(
          { id: checkpoint.id },
          'log is of another version: what was on air is ended, its publisher begins anew',
        );
      }
      runner.#state = recalled?.state ?? emptyChannel(await deps.effects.settle(channel.id));
      // From now on what the log holds is this channel's whole present, also for the next leader.
      const first = { id: runner.#lastId, state: runner.#state };
      await writeCheckpoint(deps.redis, channel.id, deps.lease, first, 0);
    } else {
      runner.#state = checkpoint.state;
      runner.#lastId = checkpoint.id;
      runner.#checkpointId = checkpoint.id;
      runner.#checkpointAt = deps.clock.now();
    }
    const published = await deps.effects.published(channel.id);
    runner.#published = published;
    const { air } = runner.#state;
    if (air !== null) {
      runner.#due.push(() => deps.effects.start(runner.#broadcast(air, null)));
    }
    for (const task of recalled?.tasks.filter(({ n }) => !published.has(n)) ?? []) {
      runner.#due.push(() => deps.effects.segment(task));
    }
    if (recalled !== undefined) {
      runner.#deps.logger.warn({ tasks: recalled.tasks.length }, 'going on from memory');
    }
    deps.memory.keep(channel.id, runner.#state);
    return runner;
  }

  /** Id of the last entry folded. */
  get lastId(): string {
    return this.#lastId;
  }

  /** Cores that the broadcast on air takes, as far as that is known. */
  get takenCores(): number {
    return this.#state.air?.admission?.takenCores ?? 0;
  }

  /** Whether time alone can make something due here. */
  get isActive(): boolean {
    return this.#state.air !== null || this.#state.sessions.some(({ ended }) => ended === null);
  }

  /** Takes the channel's present settings. */
  configure(channel: Channel): void {
    this.#channel = channel;
  }

  /** Ends that broadcast, if it is on air now or turns out to be once the log is read. */
  end(broadcast: number): void {
    this.#endAsked = broadcast;
  }

  /** Folds what the log brought. */
  take(records: readonly LogRecord[]): void {
    for (const { id, entry } of records) {
      if (entry === null) {
        this.#deps.logger.error({ id }, 'log entry is none of ours, skipped');
        this.#lastId = id;
        continue;
      }
      const before = this.#state.air;
      const n = before === null ? undefined : nextSegment(before);
      fold(this.#state, entry);
      this.#lastId = id;
      switch (entry.t) {
        case 'session':
          this.#deps.logger.info({ session: entry.session, fps: entry.fps }, 'session began');
          this.#decideFps(entry.fps);
          break;
        case 'end':
          this.#deps.logger.info({ session: entry.session, clean: entry.clean }, 'session ended');
          break;
        case 'frames':
          this.#dropIfLost(entry.session);
          break;
        case 'picture':
          this.#deps.logger.info({ from: entry.from, source: entry.source }, 'picture changes');
          break;
        case 'sound':
          this.#deps.logger.info({ from: entry.from, session: entry.session }, 'sound changes');
          break;
        case 'on-air':
          if (this.#state.air !== null) {
            const record = this.#broadcast(this.#state.air, null);
            this.#deps.logger.info({ broadcast: entry.broadcast }, 'broadcast on air');
            this.#tellLoad(entry.admission);
            this.#due.push(() => this.#deps.effects.start(record));
          }
          break;
        case 'picture-closed':
        case 'sound-closed':
          // The later of the two completes the segment; a mark that comes again closes nothing.
          if (
            n !== undefined &&
            this.#state.air !== null &&
            nextSegment(this.#state.air) > n &&
            this.#published?.has(n) !== true
          ) {
            this.#give(planSegment(this.#id, this.#state, n));
          }
          // Again with each segment, in case the store was away.
          this.#decideFps(before?.fps);
          break;
        case 'off-air':
          this.#ended = entry;
          if (before !== null) {
            const record = this.#broadcast(before, entry.last);
            this.#deps.logger.info({ broadcast: entry.broadcast }, 'broadcast off air');
            this.#due.push(() => this.#deps.effects.end(record));
          }
      }
    }
  }

  /** Does what the log led to; throws at the first effect that fails, which is then tried again. */
  async settle(): Promise<void> {
    for (let effect = this.#due[0]; effect !== undefined; effect = this.#due[0]) {
      await effect();
      this.#due.shift();
    }
  }

  /**
   * Decides, with all of the log folded. `follow` reads what the log brought meanwhile, the marks among it, and tells
   * whether that was all: deciding again without having seen a mark would repeat it.
   * @throws PipelineError `LEASE_LOST`
   */
  async lead(follow: () => Promise<boolean>): Promise<void> {
    this.#published = undefined;
    const { redis, lease, clock, memory } = this.#deps;
    memory.keep(this.#id, this.#state);
    for (let turn = 0; turn < MOST_TURNS; turn += 1) {
      const marks = decide(this.#state, clock.now(), {
        ladder: this.#channel.ladder,
        means: await this.#means(),
        reconnectSeconds: this.#channel.reconnectSeconds,
        closeAfter: this.#closeAfter(),
        epoch: lease.epoch,
        isEndAsked: this.#state.air !== null && this.#state.air.broadcast === this.#endAsked,
      });
      if (marks.length === 0) {
        break;
      }
      await appendMarks(redis, this.#id, lease, marks);
      if (!(await follow())) {
        return;
      }
    }
    await this.#giveAgain();
    await this.#checkpoint();
  }

  #closeAfter(): Milliseconds {
    const grid = gridOf(this.#state.air?.fps ?? this.#channel.fps ?? '30');
    return this.#deps.closeAfter ?? closingWait(this.#channel.profile, grid);
  }

  /** What is free is asked for only while a broadcast may begin. */
  async #means(): Promise<Means> {
    const { air, sessions } = this.#state;
    const session = air === null ? sessions.findLast(({ spent }) => !spent) : undefined;
    this.#room =
      session === undefined
        ? undefined
        : roomWith(session, this.#room, await this.#deps.freeCores(), this.#deps.clock.now());
    return { freeCores: this.#room?.freeCores ?? null, isFixed: this.#channel.fixedLadder };
  }

  #tellLoad(admission: Admission | undefined): void {
    const warning = admission && loadWarning(admission);
    if (warning !== undefined) {
      const reason = warning.message;
      this.#deps.logger.warn({ reason }, 'workers cannot carry the whole ladder');
    }
  }

  async #giveAgain(): Promise<void> {
    const { clock, effects } = this.#deps;
    const { air } = this.#state;
    const now = clock.now();
    const due =
      air === null ? this.#ended : { broadcast: air.broadcast, last: nextSegment(air) - 1 };
    if (due === undefined || !this.#stuck.isLookDue(now)) {
      return;
    }
    const next = await effects.nextToPublish(this.#id, due.broadcast);
    if (next > due.last) {
      this.#ended = undefined;
    } else if (this.#stuck.has(next, now)) {
      await effects.giveAgain(this.#id, next);
    }
  }

  #give(task: Task): void {
    const { memory, clock, effects } = this.#deps;
    memory.gave(task, clock.now(), (n) => effects.isOpen(this.#id, n));
    this.#due.push(() => effects.segment(task));
  }

  #decideFps(fps: FpsName | undefined): void {
    if (fps !== undefined && this.#channel.fps === null) {
      this.#due.push(() => this.#deps.effects.decideFps(this.#id, fps));
    }
  }

  /** A publisher whose broadcast is over, or whose beginning the log has lost, must begin anew. */
  #dropIfLost(id: string): void {
    const session = sessionOf(this.#state, id);
    const isLost = session === undefined || session.spent;
    const hasOther = this.#state.sessions.some(({ ended, spent }) => ended === null && !spent);
    const now = this.#deps.clock.now();
    if (
      isLost &&
      !hasOther &&
      this.#published === undefined &&
      now - this.#droppedAt > DROP_EVERY_MS
    ) {
      this.#droppedAt = now;
      this.#deps.logger.info({ session: id }, 'publisher dropped: its broadcast is over');
      this.#due.push(() => this.#deps.effects.dropFeed(this.#id));
    }
  }

  async #checkpoint(): Promise<void> {
    const { redis, clock, lease } = this.#deps;
    const now = clock.now();
    if (
      this.#lastId === this.#checkpointId ||
      now - this.#checkpointAt < CHECKPOINT_SECONDS * 1000
    ) {
      return;
    }
    const checkpoint = { id: this.#lastId, state: this.#state };
    const keep = (this.#channel.dvrSeconds * 1000) / clock.rate;
    await writeCheckpoint(redis, this.#id, lease, checkpoint, keep);
    this.#checkpointId = checkpoint.id;
    this.#checkpointAt = now;
  }

  #broadcast(air: AirState, last: SegmentNumber | null): Broadcast {
    const { broadcast, fps, renditions, admission } = air;
    return {
      channel: this.#id,
      broadcast,
      fps,
      renditions,
      ...(admission === undefined ? {} : { admission }),
      dvrSeconds: this.#channel.dvrSeconds,
      startedAt: timeOfSegment(gridOf(fps), broadcast),
      last,
    };
  }
}
