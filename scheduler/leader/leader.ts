/** The leader: reads every channel's log in one loop, gives out what follows, and appends the marks that are due. */
import { setTimeout as delay } from 'node:timers/promises';
import { readLog, type Lease } from '#common/channel-log';
import type { Clock } from '#common/clock';
import type { Channel } from '#common/contracts/channel';
import { readEndsAsked } from '#common/end-requests';
import { tellLeaderStatus } from '#common/leader-status';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import type { ObjectStore } from '#common/store/store';
import type { Milliseconds } from '#common/time';
import { toPipelineError } from '#common/errors';
import { freeCores } from '../plan/capacity.ts';
import type { ChannelMemory } from './channel-memory.ts';
import { ChannelRunner, type RunnerDeps } from './channel-runner.ts';
import { openEffects } from './effects.ts';
import { openTranscodeQueue } from './transcode-queue.ts';
import { readWorkerCapacities } from './worker-capacities.ts';

/** Longest wait for news, clock milliseconds: a deadline is met this late at worst. */
const WAIT_MS = 200;
/** Longest wait when no channel has anything going, real milliseconds. */
const IDLE_WAIT_MS = 1_000;
/** News are gathered this long, clock milliseconds, so that 77 entries a second do not wake us 77 times. */
const GATHER_MS = 150;
const READ_COUNT = 1_000;
const RETRY_MS = 500;
/** Between one word of the leader's and the next, real milliseconds. */
const TELL_MS = 1_000;

/** What a leader works with. */
export interface LeaderDeps {
  readonly redis: Redis;
  /** A connection for blocking reads alone. */
  readonly logRedis: Redis;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the owner set for how long a place stays open; undefined: the profile decides. */
  readonly closeAfter: Milliseconds | undefined;
  /** Outlives leaderships. */
  readonly memory: ChannelMemory;
  readonly channels: {
    list(): readonly Channel[];
    restore(): Promise<void>;
  };
}

/** A running leader. */
export interface Leader extends Closable {
  /** Some operator wants a broadcast ended. */
  lookForEnds(): void;
  /** Tasks given out and not finished, by channel. */
  unfinished(): ReadonlyMap<string, number>;
}

/** Leads until closed or until the lease turns out to be lost. */
export function startLeader(deps: LeaderDeps, lease: Lease): Leader {
  const { logger, clock, channels, logRedis } = deps;
  const stop = new AbortController();
  const runners = new Map<string, ChannelRunner>();
  let unfinished: ReadonlyMap<string, number> = new Map();
  let mayHaveEnds = true;

  const pause = (real: number): Promise<void> =>
    delay(real, undefined, { signal: stop.signal }).catch(() => undefined);

  const syncChannels = async (runnerDeps: RunnerDeps): Promise<void> => {
    const present = channels.list();
    const ids = new Set(present.map(({ id }) => id));
    for (const id of runners.keys()) {
      if (!ids.has(id)) {
        runners.delete(id);
        deps.memory.forget(id);
      }
    }
    for (const channel of present) {
      const runner = runners.get(channel.id);
      if (runner === undefined) {
        runners.set(channel.id, await ChannelRunner.open(channel, runnerDeps));
        mayHaveEnds = true;
      } else {
        runner.configure(channel);
      }
    }
  };

  const takeEnds = async (): Promise<void> => {
    if (mayHaveEnds) {
      mayHaveEnds = false;
      for (const [id, broadcast] of await readEndsAsked(deps.redis)) {
        runners.get(id)?.end(broadcast);
      }
    }
  };

  const read = async (
    after: ReadonlyMap<string, string>,
    blockMs: number,
  ): Promise<ReadonlyMap<string, number>> => {
    const news = await readLog(logRedis, after, { blockMs, count: READ_COUNT });
    for (const [id, records] of news) {
      runners.get(id)?.take(records);
    }
    return new Map([...news].map(([id, records]) => [id, records.length]));
  };

  const turn = async (runnerDeps: RunnerDeps): Promise<void> => {
    await syncChannels(runnerDeps);
    await takeEnds();
    if (runners.size === 0) {
      await pause(IDLE_WAIT_MS);
      return;
    }
    const after = new Map([...runners].map(([id, runner]) => [id, runner.lastId]));
    const isActive = [...runners.values()].some((runner) => runner.isActive);
    const counts = await read(after, isActive ? WAIT_MS / clock.rate : IDLE_WAIT_MS);
    for (const [id, runner] of runners) {
      await runner.settle();
      if ((counts.get(id) ?? 0) < READ_COUNT) {
        await runner.lead(async () => {
          const more = await read(new Map([[id, runner.lastId]]), 1);
          await runner.settle();
          return (more.get(id) ?? 0) < READ_COUNT;
        });
      }
    }
    if (counts.size > 0 && Math.max(...counts.values()) < READ_COUNT) {
      await pause(GATHER_MS / clock.rate);
    }
  };

  const lead = async (): Promise<void> => {
    await channels.restore();
    const transcode = await openTranscodeQueue(deps.redis, logger);
    unfinished = transcode.unfinished();
    const effects = openEffects({ ...deps, transcode });
    const free = async (): Promise<number | null> => {
      const taken = [...runners.values()].reduce((sum, { takenCores }) => sum + takenCores, 0);
      return freeCores(await readWorkerCapacities(deps.redis, Date.now()), taken);
    };
    try {
      while (!stop.signal.aborted) {
        await turn({ ...deps, lease, effects, freeCores: free });
      }
    } finally {
      await effects.close();
      await transcode.close();
    }
  };

  // Whatever stumbles begins again from what Redis holds, as a new leader would.
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await lead();
      } catch (error) {
        if (toPipelineError(error).code === 'LEASE_LOST') {
          logger.warn({ epoch: lease.epoch }, 'marks refused: another scheduler leads');
          return;
        }
        logger.error({ error }, 'leader stumbled');
        runners.clear();
        await pause(RETRY_MS);
      }
    }
  };
  const running = run();
  const telling = setInterval(() => {
    if (deps.redis.status === 'ready') {
      tellLeaderStatus(deps.redis, { unfinished: Object.fromEntries(unfinished) }).catch(
        (error: unknown) => {
          logger.debug({ error }, 'status not told');
        },
      );
    }
  }, TELL_MS);

  return {
    lookForEnds: () => {
      mayHaveEnds = true;
    },
    unfinished: () => unfinished,
    close: async () => {
      stop.abort();
      clearInterval(telling);
      await running;
    },
  };
}
