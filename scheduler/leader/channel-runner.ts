/** One channel under the leader: its log is folded, what follows from it is given out, and its marks are decided. */
import { BEFORE_ALL, appendMarks, isBefore, newestLogId, type Lease } from '#common/channel-log';
import type { Clock } from '#common/clock';
import type { Admission } from '#common/contracts/admission';
import type { Channel, Profile } from '#common/contracts/channel';
import type { MarkEntry } from '#common/contracts/log';
import type { Broadcast } from '#common/contracts/segment';
import type { Task } from '#common/contracts/task';
import { gridOf, timeOfSegment, type FpsName } from '#common/grid';
import { closingWait } from '#common/lateness';
import { PipelineError } from '#common/errors';
import type { LogNews } from '#common/log-follower';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import type { WorkerCapacity } from '#common/contracts/worker-capacity';
import { milliseconds, segmentNumber, type Milliseconds, type SegmentNumber } from '#common/time';
import { freeCores } from '../plan/capacity.ts';
import { Danger } from '../plan/danger.ts';
import { NEVER, WHATEVER_THE_TIME, decide, nextDue, type DecideSettings } from '../plan/decide.ts';
import { fold } from '../plan/fold.ts';
import { coresAt, coresWithout } from '../plan/load.ts';
import { leadOf, shedFrom, type LoadedChannel, type ShedOrder } from '../plan/shedding.ts';
import { WholeWatch } from '../plan/whole-watch.ts';
import { shownBy, shownSoFar } from '../plan/shown.ts';
import { loadWarning } from '#common/load-warning';
import { shedWarning } from '#common/shed-warning';
import { planOwed, planSegment } from '../plan/plan.ts';
import { profileFor } from '../plan/profile.ts';
import { roomWith, type Room } from '../plan/room.ts';
import {
  emptyChannel,
  nextSegment,
  sessionOf,
  type AirState,
  type ChannelState,
} from '../plan/state.ts';
import type { ChannelMemory } from './channel-memory.ts';
import { readCheckpoint, writeCheckpoint, writtenDown } from './checkpoint.ts';
import { EarlyWork, type EarlyEffects } from './early-work.ts';
import { EffectQueue } from './effect-queue.ts';
import { Stuck } from './stuck.ts';

const CHECKPOINT_SECONDS = 30;
const DROP_EVERY_MS = 1_000;
/** Between looks at what is free while a broadcast is about to begin, clock milliseconds. */
const ROOM_EVERY_MS = 250;
/** Marks that have not come back by the log after so long, real milliseconds, are lost with the Redis that had them. */
const COME_BACK_MS = 5_000;
/** Effects not done, beyond which a channel goes no further: some eight minutes of tasks. */
const MOST_EFFECTS = 256;
/** By then all that is decided counts. */
const LAST_NUMBER = segmentNumber(Number.MAX_SAFE_INTEGER);

/** What a channel's log leads to. Each is done again after a crash, so each is idempotent. */
export interface Effects extends EarlyEffects {
  start(broadcast: Broadcast): Promise<void>;
  segment(task: Task): Promise<void>;
  /** What is withheld of a segment is to be made when there is room; nobody waits for it. */
  owe(task: Task): void;
  /** What of it is withheld is told ahead of the number that it begins with. */
  shed(broadcast: Broadcast): Promise<void>;
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
  /** Parts by which one may be late in low latency before another worker makes it too. */
  readonly lateAfterParts: number;
  readonly effects: Effects;
  /** What the workers tell of their machines. */
  readonly workers: () => Promise<readonly WorkerCapacity[]>;
  /** Cores that all broadcasts on air take, in those of `common/transcode-cost.ts`. */
  readonly takenCores: () => number;
  readonly memory: ChannelMemory;
  /** All effects are done, one has failed, or something has become due. */
  readonly onEffects: () => void;
}

/** See the head of this file. */
export class ChannelRunner {
  readonly #deps: RunnerDeps;
  readonly #id: string;
  #channel: Channel;
  #state: ChannelState = emptyChannel();
  #lastId = BEFORE_ALL;
  /** What has to be folded before anything is decided: deciding without having seen a mark would repeat it. */
  #needed: { readonly id: string; readonly since: number } = { id: BEFORE_ALL, since: 0 };
  #isBehind = false;
  /** The log up to this moment of the clock is folded, once what is needed is. */
  #readUpTo: Milliseconds = WHATEVER_THE_TIME;
  #checkpointId = BEFORE_ALL;
  #checkpointAt = 0;
  /** The broadcast that its operator ends. */
  #endAsked: number | undefined;
  #droppedAt = 0;
  /** What is free for the feed that waits for its first segment. */
  #room: Room | undefined;
  #roomLookedAt = Number.NEGATIVE_INFINITY;
  /** Cores of the broadcast that was decided to begin, until its mark is folded. */
  #reservedCores = 0;
  readonly #stuck = new Stuck();
  /** The broadcast that ended last, until all of it is published. */
  #ended: { readonly broadcast: number; readonly last: number } | undefined;
  readonly #effects: EffectQueue;
  readonly #early: EarlyWork;
  readonly #whole = new WholeWatch();
  #danger: { readonly broadcast: number; readonly danger: Danger } | undefined;
  /** What is to be decided about what is withheld. */
  #shedOrder: ShedOrder | undefined;
  /** Id of the last mark about that. */
  #shedId = BEFORE_ALL;
  /** Numbers published before this leader began; undefined once it has caught up. */
  #published: ReadonlySet<number> | undefined;

  private constructor(channel: Channel, deps: RunnerDeps) {
    this.#channel = channel;
    this.#id = channel.id;
    this.#deps = { ...deps, logger: deps.logger.child({ channel: channel.id }) };
    this.#effects = new EffectQueue(deps.onEffects);
    this.#early = new EarlyWork(channel.id, {
      ...this.#deps,
      coresOf: (air, n) => coresAt(this.#state, air, n),
      mark: async (mark) => {
        const { redis, lease } = this.#deps;
        this.#need(await appendMarks(redis, this.#id, lease, [{ ...mark, epoch: lease.epoch }]));
      },
      onChange: deps.onEffects,
    });
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
      const first = writtenDown({ id: runner.#lastId, state: runner.#state });
      await writeCheckpoint(deps.redis, channel.id, deps.lease, first, 0);
    } else {
      runner.#state = checkpoint.state;
      runner.#lastId = checkpoint.id;
      runner.#checkpointId = checkpoint.id;
      runner.#checkpointAt = deps.clock.now();
    }
    await runner.#early.recall();
    const published = await deps.effects.published(channel.id);
    runner.#published = published;
    const { air } = runner.#state;
    if (air !== null) {
      runner.#effects.push(() => deps.effects.start(runner.#broadcast(air, null)));
    }
    for (const task of recalled?.tasks.filter(({ n }) => !published.has(n)) ?? []) {
      runner.#effects.push(() => deps.effects.segment(task));
    }
    if (recalled !== undefined) {
      runner.#deps.logger.warn({ tasks: recalled.tasks.length }, 'going on from memory');
    }
    deps.memory.keep(channel.id, runner.#state);
    runner.#need(await newestLogId(deps.redis, channel.id));
    return runner;
  }

  /** Id of the last entry folded. */
  get lastId(): string {
    return this.#lastId;
  }

  /** Cores that the broadcast on air takes, as far as that is known. */
  get takenCores(): number {
    return this.#state.air === null
      ? this.#reservedCores
      : coresAt(this.#state, this.#state.air, LAST_NUMBER);
  }

  /** How loaded the broadcast on air is; undefined while none is known to be; `undecided` while what was ordered is on its way into the log. */
  load(): LoadedChannel | 'undecided' | undefined {
    const { air } = this.#state;
    if (air === null || this.#published !== undefined) {
      return undefined;
    }
    if (this.#shedOrder !== undefined || isBefore(this.#lastId, this.#shedId)) {
      return 'undecided';
    }
    const { effects, clock } = this.#deps;
    const now = clock.now();
    const grid = gridOf(air.fps);
    if (this.#danger?.broadcast !== air.broadcast) {
      this.#danger = { broadcast: air.broadcast, danger: new Danger(grid, air.profile) };
    }
    const { danger } = this.#danger;
    const lateness =
      air.profile === 'standard'
        ? this.#whole.lateness(grid, now, (n) => effects.isOpen(this.#id, n))
        : this.#early.lateness;
    if (lateness !== undefined) {
      danger.note(now, lateness);
    }
    return {
      channel: this.#id,
      priority: this.#channel.priority,
      grid,
      renditions: air.renditions,
      sheds: air.sheds,
      coresWithout: (withheld) => coresWithout(this.#state, air, new Set(withheld)),
      lateMs: danger.lateMs,
      unfinished: air.profile === 'standard' ? undefined : this.#early.unfinished,
      speed: danger.speed,
      isLeastOnTime: danger.isLeastOnTime,
      isInDanger: danger.isInDanger(now),
      calmSince: danger.calmSince,
    };
  }

  /** Has exactly these renditions withheld, as soon as that can be. */
  shed(order: ShedOrder): void {
    this.#shedOrder = order;
  }

  /** @throws what an effect has failed with, if one has */
  throwFailure(): void {
    if (this.#effects.failure !== undefined) {
      throw this.#effects.failure.error;
    }
  }

  /** Whether so much is still to be done that nothing more is to be taken from the log. */
  get isFull(): boolean {
    return this.#effects.length > MOST_EFFECTS;
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
  take({ records, isAll }: LogNews): void {
    this.#isBehind = !isAll;
    for (const { id, entry } of records) {
      if (entry === null) {
        this.#deps.logger.error({ id }, 'log entry is none of ours, skipped');
        this.#lastId = id;
        continue;
      }
      const before = this.#state.air;
      const soFar = shownSoFar(this.#state);
      const n = before === null ? undefined : nextSegment(before);
      fold(this.#state, entry);
      this.#lastId = id;
      if ('epoch' in entry) {
        this.#early.tell(shownBy(soFar, entry, this.#state));
      }
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
            this.#reservedCores = 0;
            this.#tellLoad(entry.admission);
            this.#effects.push(() => this.#deps.effects.start(record));
          }
          break;
        case 'picture-closed':
        case 'sound-closed':
          // The later of the two completes the segment; a mark that comes again closes nothing.
          if (n !== undefined && this.#state.air !== null && nextSegment(this.#state.air) > n) {
            const owed = planOwed(this.#id, this.#state, n);
            if (owed !== undefined) {
              this.#deps.effects.owe(owed);
            }
          }
          if (
            n !== undefined &&
            this.#state.air !== null &&
            nextSegment(this.#state.air) > n &&
            this.#published?.has(n) !== true
          ) {
            const task = planSegment(this.#id, this.#state, n);
            if (this.#state.air.profile === 'standard') {
              this.#give(task);
            } else {
              this.#early.closed(task, this.#state.air);
            }
          }
          // Again with each segment, in case the store was away.
          this.#decideFps(before?.fps);
          break;
        case 'shed':
          if (this.#state.air !== null) {
            const record = this.#broadcast(this.#state.air, null);
            const { from, withheld, lateMs, lateChannel } = entry;
            const reason = shedWarning(record)?.message ?? 'the workers have room for all again';
            this.#deps.logger.warn(
              { from, withheld, reason, lateMs: Math.round(lateMs), lateChannel },
              'renditions withheld are others',
            );
            for (const task of this.#early.withhold(this.#state.air)) {
              this.#deps.effects.owe(task);
            }
            this.#effects.push(async () => {
              // The origin knows first: it takes no segment that lacks something for no reason.
              await this.#deps.effects.shed(record);
              this.#early.tell([{ t: 'withheld', broadcast: record.broadcast, from, withheld }]);
            });
          }
          break;
        case 'restart':
          this.#deps.logger.warn(
            { n: entry.n, generation: entry.generation, from: entry.from },
            'encoders begin anew',
          );
          this.#early.restarted(entry);
          break;
        case 'off-air':
          this.#ended = entry;
          if (before !== null) {
            const record = this.#broadcast(before, entry.last);
            this.#deps.logger.info({ broadcast: entry.broadcast }, 'broadcast off air');
            this.#effects.push(() => this.#deps.effects.end(record));
          }
      }
    }
  }

  /** What is known here is the channel's present. */
  keep(): void {
    if (this.#published === undefined) {
      this.#deps.memory.keep(this.#id, this.#state);
    }
  }

  /**
   * Decides once, if the log is folded as far as that needs.
   * @returns until when, on the clock, there is nothing more to do unless something happens
   * @throws PipelineError `LEASE_LOST`
   */
  async turn(): Promise<Milliseconds> {
    const { redis, lease, clock } = this.#deps;
    if (this.#isBehind) {
      return NEVER;
    }
    if (isBefore(this.#lastId, this.#needed.id)) {
      return this.#untilLost();
    }
    this.#published = undefined;
    this.keep();
    const shed = this.#takeShedOrder();
    if (shed !== undefined) {
      this.#shedId = await appendMarks(redis, this.#id, lease, [shed]);
      this.#need(this.#shedId);
      return WHATEVER_THE_TIME;
    }
    const settings = this.#settings();
    const due = nextDue(this.#state, settings);
    if (Number.isFinite(due) && due <= clock.now() && due > this.#readUpTo) {
      // What the clock makes due is so only if the log has brought nothing by then; what it holds may not have been read yet.
      this.#readUpTo = clock.now();
      this.#need(await newestLogId(redis, this.#id));
      return WHATEVER_THE_TIME;
    }
    const at = due === WHATEVER_THE_TIME ? due : this.#readUpTo;
    if (due <= at) {
      const means = this.#state.air === null ? this.#means(await this.#deps.workers()) : undefined;
      const marks = decide(this.#state, at, { ...settings, ...means });
      const begun = marks.find((mark) => mark.t === 'on-air');
      this.#reservedCores = begun?.admission?.takenCores ?? 0;
      this.#need(await appendMarks(redis, this.#id, lease, marks));
      return WHATEVER_THE_TIME;
    }
    const isBeginning = this.#state.air === null && due < NEVER;
    if (isBeginning && clock.now() >= this.#roomLookedAt + ROOM_EVERY_MS) {
      this.#means(await this.#deps.workers());
    }
    this.#early.place(this.#state);
    this.#giveOverdue();
    this.#giveAgain();
    this.#checkpoint();
    return milliseconds(
      Math.min(
        due,
        this.#early.nextDue(this.#state),
        isBeginning ? this.#roomLookedAt + ROOM_EVERY_MS : NEVER,
        this.#watched() === undefined ? NEVER : this.#stuck.lookDueAt,
        this.#lastId === this.#checkpointId ? NEVER : this.#checkpointDueAt(),
      ),
    );
  }

  /** Begins no effect from now on; resolves once the one under way has ended. */
  stop(): Promise<void> {
    this.#early.stop();
    return this.#effects.stop();
  }

  /** What workers have not finished in time is made from raw chunks. */
  #giveOverdue(): void {
    const { effects, logger } = this.#deps;
    for (const task of this.#early.overdue()) {
      this.#effects.push(async () => {
        const { n, broadcast } = task;
        if ((await effects.nextToPublish(this.#id, broadcast)) <= n) {
          logger.warn({ n }, 'not finished in time, made from raw chunks');
          this.#give(task);
        }
      });
    }
  }

  #takeShedOrder(): MarkEntry | undefined {
    const order = this.#shedOrder;
    const { air } = this.#state;
    this.#shedOrder = undefined;
    if (order === undefined || air === null) {
      return undefined;
    }
    const { clock, lease } = this.#deps;
    const { withheld, reason, lateMs, lateChannel } = order;
    const now = clock.now();
    const { lateMs: ownLateMs = 0, speed = 1 } = this.#danger?.danger ?? {};
    const before = air.sheds.at(-1)?.withheld ?? [];
    const lead = leadOf(order, before, { lateMs: ownLateMs, speed });
    const { given } = this.#early;
    return {
      t: 'shed',
      epoch: lease.epoch,
      broadcast: air.broadcast,
      from: shedFrom(gridOf(air.fps), now, order, { sheds: air.sheds, given, lead }),
      withheld,
      at: now,
      reason,
      lateMs,
      lateChannel,
    };
  }

  #need(id: string): void {
    // A mark about what workers do may come back after one that was decided later.
    if (!isBefore(id, this.#needed.id)) {
      this.#needed = { id, since: performance.now() };
    }
  }

  #untilLost(): Milliseconds {
    const { clock } = this.#deps;
    const left = this.#needed.since + COME_BACK_MS - performance.now();
    if (left <= 0) {
      throw new PipelineError('UNAVAILABLE', 'the log has not brought what it is known to hold');
    }
    return milliseconds(clock.now() + left * clock.rate);
  }

  #settings(): DecideSettings {
    return {
      ladder: this.#channel.ladder,
      profile: this.#profile(),
      means: { freeCores: this.#room?.freeCores ?? null, isFixed: this.#channel.fixedLadder },
      reconnectSeconds: this.#channel.reconnectSeconds,
      closeAfter: this.#closeAfter(),
      epoch: this.#deps.lease.epoch,
      isEndAsked: this.#state.air !== null && this.#state.air.broadcast === this.#endAsked,
    };
  }

  #closeAfter(): Milliseconds {
    const { air } = this.#state;
    const grid = gridOf(air?.fps ?? this.#channel.fps ?? '30');
    return this.#deps.closeAfter ?? closingWait(air?.profile ?? this.#profile(), grid);
  }

  #profile(): Profile {
    return profileFor(this.#state, this.#channel.profile);
  }

  /**
   * What there is for the broadcast that may begin. What others take is counted in the same step as the decision: two that
   * begin at once must not both be given the same cores.
   */
  #means(workers: readonly WorkerCapacity[]): Pick<DecideSettings, 'means'> {
    const now = this.#deps.clock.now();
    const session = this.#state.sessions.findLast(({ spent }) => !spent);
    this.#roomLookedAt = now;
    this.#room =
      session === undefined
        ? undefined
        : roomWith(session, this.#room, freeCores(workers, this.#deps.takenCores()), now);
    return {
      means: { freeCores: this.#room?.freeCores ?? null, isFixed: this.#channel.fixedLadder },
    };
  }

  #tellLoad(admission: Admission | undefined): void {
    const warning = admission && loadWarning(admission);
    if (warning !== undefined) {
      const reason = warning.message;
      this.#deps.logger.warn({ reason }, 'workers cannot carry the whole ladder');
    }
  }

  /** The numbers that are watched until they are published. */
  #watched(): { readonly broadcast: number; readonly last: number } | undefined {
    const { air } = this.#state;
    return air === null ? this.#ended : { broadcast: air.broadcast, last: nextSegment(air) - 1 };
  }

  #giveAgain(): void {
    const { clock, effects } = this.#deps;
    const watched = this.#watched();
    const now = clock.now();
    if (watched === undefined || !this.#stuck.isLookDue(now)) {
      return;
    }
    this.#effects.push(async () => {
      const next = await effects.nextToPublish(this.#id, watched.broadcast);
      if (next > watched.last) {
        this.#ended = this.#ended?.broadcast === watched.broadcast ? undefined : this.#ended;
      } else if (this.#stuck.has(next, now)) {
        await effects.giveAgain(this.#id, next);
      }
    });
  }

  #give(task: Task): void {
    const { memory, clock, effects } = this.#deps;
    memory.gave(task, clock.now(), (n) => effects.isOpen(this.#id, n));
    this.#effects.push(async () => {
      await effects.segment(task);
      this.#whole.gave(task.n, clock.now());
    });
  }

  #decideFps(fps: FpsName | undefined): void {
    if (fps !== undefined && this.#channel.fps === null) {
      this.#effects.push(() => this.#deps.effects.decideFps(this.#id, fps));
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
      this.#effects.push(() => this.#deps.effects.dropFeed(this.#id));
    }
  }

  #checkpointDueAt(): number {
    return this.#checkpointAt + CHECKPOINT_SECONDS * 1000;
  }

  /** Written once all is done that the log up to it leads to: what follows a checkpoint is all that is ever done again. */
  #checkpoint(): void {
    const { redis, clock, lease } = this.#deps;
    if (this.#lastId === this.#checkpointId || clock.now() < this.#checkpointDueAt()) {
      return;
    }
    const checkpoint = writtenDown({ id: this.#lastId, state: this.#state });
    const keep = (this.#channel.dvrSeconds * 1000) / clock.rate;
    this.#effects.push(() => writeCheckpoint(redis, this.#id, lease, checkpoint, keep));
    this.#checkpointId = checkpoint.id;
    this.#checkpointAt = clock.now();
  }

  #broadcast(air: AirState, last: SegmentNumber | null): Broadcast {
    const { broadcast, fps, profile, renditions, admission, sheds } = air;
    return {
      channel: this.#id,
      broadcast,
      fps,
      profile,
      renditions,
      ...(admission === undefined ? {} : { admission }),
      sheds: [...sheds],
      dvrSeconds: this.#channel.dvrSeconds,
      startedAt: timeOfSegment(gridOf(fps), broadcast),
      last,
    };
  }
}
