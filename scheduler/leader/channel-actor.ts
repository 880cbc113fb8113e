/**
 * One channel under the leader, on its own: it sleeps until its log brings something, somebody wakes it, or something is due
 * by the clock, and does one thing at a time. When it stumbles it alone begins again, from its checkpoint, after a pause.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Channel } from '#common/contracts/channel';
import { readEndAsked } from '#common/end-requests';
import { toPipelineError } from '#common/errors';
import { withDeadline, type Closable } from '#common/lifecycle';
import type { LogFollower } from '#common/log-follower';
import type { Milliseconds } from '#common/time';
import type { LoadedChannel, ShedOrder } from '../plan/shedding.ts';
import { ChannelRunner, type RunnerDeps } from './channel-runner.ts';

/** Between a stumble and the next beginning, real milliseconds: twice as long each time, up to the longest. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
/** An effect under way is waited for so long when the actor ends, real milliseconds. */
const LAST_EFFECT_MS = 1_000;
/** The longest that a timer of Node's can be set to. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What an actor works with. */
export interface ActorDeps extends Omit<RunnerDeps, 'onEffects'> {
  readonly follower: Pick<LogFollower, 'follow'>;
  /** The lease turned out to be another's. */
  readonly onLeaseLost: () => void;
}

/** See the head of this file. */
export class ChannelActor implements Closable {
  readonly #deps: ActorDeps;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #channel: Channel;
  #runner: ChannelRunner | undefined;
  #mayHaveEnd = true;
  /** It has not stumbled since its runner was opened. */
  #isLive = false;
  #hasNews = false;
  #ring = (): void => undefined;
  #abandon = (): void => undefined;

  /** Begins at once, or after what it is to wait for. */
  constructor(channel: Channel, deps: ActorDeps, after: Promise<void> = Promise.resolve()) {
    this.#channel = channel;
    this.#deps = deps;
    this.#running = after.then(() => this.#run());
  }

  /** Cores that the broadcast on air takes, as far as that is known. */
  get takenCores(): number {
    return this.#runner?.takenCores ?? 0;
  }

  /** Takes the channel's present settings. */
  configure(channel: Channel): void {
    this.#channel = channel;
    this.#runner?.configure(channel);
    this.#wake();
  }

  /** An operator may want the broadcast ended. */
  lookForEnd(): void {
    this.#mayHaveEnd = true;
    this.#wake();
  }

  /** How loaded its broadcast is; undefined off air and while it stumbles; `undecided` while what was ordered is on its way. */
  load(): LoadedChannel | 'undecided' | undefined {
    return this.#isLive ? this.#runner?.load() : undefined;
  }

  /** Has exactly these renditions withheld, as soon as that can be. */
  shed(order: ShedOrder): void {
    this.#runner?.shed(order);
    this.#wake();
  }

  /** What is known of the channel is its present, as long as nobody else leads. */
  keep(): void {
    this.#runner?.keep();
  }

  /** Begins nothing more. */
  stop(): void {
    this.#stop.abort();
    this.#abandon();
    this.#wake();
  }

  /** Resolves once nothing is under way, or has not ended in time: the lease fences what has not. */
  async close(): Promise<void> {
    this.stop();
    await this.#running;
  }

  readonly #wake = (): void => {
    this.#hasNews = true;
    this.#ring();
  };

  async #run(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (!this.#stop.signal.aborted) {
      const begunAt = performance.now();
      try {
        await this.#live();
      } catch (error) {
        if (toPipelineError(error).code === 'LEASE_LOST') {
          this.#deps.onLeaseLost();
          return;
        }
        pause = performance.now() - begunAt > LONGEST_PAUSE_MS ? FIRST_PAUSE_MS : pause;
        const { logger } = this.#deps;
        logger.error(
          { error, channel: this.#channel.id, pauseMs: pause },
          'channel stumbled, begins again from its checkpoint',
        );
        await delay(pause, undefined, { signal: this.#stop.signal }).catch(() => undefined);
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
    }
  }

  async #live(): Promise<void> {
    const { follower } = this.#deps;
    const runner = await this.#unlessStopped(
      ChannelRunner.open(this.#channel, { ...this.#deps, onEffects: this.#wake }),
    );
    if (runner === undefined) {
      return;
    }
    this.#runner = runner;
    this.#isLive = true;
    this.#mayHaveEnd = true;
    runner.configure(this.#channel);
    const following = follower.follow(this.#channel.id, runner.lastId, this.#wake);
    try {
      while (!this.#stop.signal.aborted) {
        this.#hasNews = false;
        const until = await this.#unlessStopped(this.#turn(runner, () => following.take()));
        await this.#sleep(until);
      }
    } finally {
      this.#isLive = false;
      following.stop();
      await withDeadline(runner.stop(), LAST_EFFECT_MS, 'the last effect').catch(() => undefined);
    }
  }

  async #turn(
    runner: ChannelRunner,
    take: () => Parameters<ChannelRunner['take']>[0],
  ): Promise<Milliseconds | undefined> {
    runner.throwFailure();
    if (runner.isFull) {
      return undefined;
    }
    runner.take(take());
    if (this.#mayHaveEnd) {
      this.#mayHaveEnd = false;
      const broadcast = await readEndAsked(this.#deps.redis, this.#channel.id);
      if (broadcast !== undefined) {
        runner.end(broadcast);
      }
    }
    return runner.turn();
  }

  /** Until that moment of the clock, or until woken; without a moment, until woken. */
  async #sleep(until: Milliseconds | undefined): Promise<void> {
    const { clock } = this.#deps;
    const left =
      until === undefined ? Number.POSITIVE_INFINITY : (until - clock.now()) / clock.rate;
    if (this.#hasNews || left <= 0) {
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#ring = resolve;
      if (left < LONGEST_TIMER_MS) {
        timer = setTimeout(resolve, Math.ceil(left));
      }
    });
    clearTimeout(timer);
    this.#ring = () => undefined;
  }

  /** Leaves alone what is under way when the actor is stopped: undefined then. */
  #unlessStopped<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#abandon = () => {
        resolve(undefined);
      };
      work.then(resolve, reject);
    });
  }
}
