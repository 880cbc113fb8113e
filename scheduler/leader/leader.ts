/** The leader: an actor for each channel, begun, told and ended as channels come, change and go. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Lease } from '#common/channel-log';
import type { Clock } from '#common/clock';
import type { Channel } from '#common/contracts/channel';
import { tellLeaderStatus } from '#common/leader-status';
import type { Closable } from '#common/lifecycle';
import type { LogFollower } from '#common/log-follower';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import type { ObjectStore } from '#common/store/store';
import type { StreamFollower } from '#common/stream-follower';
import type { Milliseconds } from '#common/time';
import { freeCores } from '../plan/capacity.ts';
import { roomForOwed, type LoadedChannel } from '../plan/shedding.ts';
import { ChannelActor, type ActorDeps } from './channel-actor.ts';
import type { ChannelMemory } from './channel-memory.ts';
import { openEffects } from './effects.ts';
import { startShedding } from './load-shedder.ts';
import { startOwedWork } from './owed-work.ts';
import { openTranscodeQueue } from './transcode-queue.ts';
import { readWorkerCapacities } from '#common/worker-capacities';

const RETRY_MS = 500;
/** Between one word of the leader's and the next, real milliseconds. */
const TELL_MS = 1_000;

/** What a leader works with. */
export interface LeaderDeps {
  readonly redis: Redis;
  /** The Redis that has the hot streams. */
  readonly hotRedis: Redis;
  /** Outlives leaderships. */
  readonly follower: Pick<LogFollower, 'follow'>;
  /** Of the Redis that has the log; outlives leaderships. */
  readonly streams: StreamFollower;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the owner set for how long a place stays open; undefined: the profile decides. */
  readonly closeAfter: Milliseconds | undefined;
  /** Parts by which one may be late in low latency before another worker makes it too. */
  readonly lateAfterParts: number;
  /** Whether anything may be withheld on air: else what workers do not carry comes ever later. */
  readonly mayShed: boolean;
  /** Outlives leaderships. */
  readonly memory: ChannelMemory;
  readonly channels: {
    list(): readonly Channel[];
    byId(id: string): Channel | undefined;
    restore(): Promise<void>;
  };
}

/** A running leader. */
export interface Leader extends Closable {
  /** A channel is new, has changed, or is gone. */
  channelChanged(id: string): void;
  /** Some operator wants the channel's broadcast ended. */
  lookForEnd(id: string): void;
  /** Some operator may want any broadcast ended. */
  lookForEnds(): void;
  /** Tasks given out and not finished, by channel. */
  unfinished(): ReadonlyMap<string, number>;
  /** How loaded the broadcasts on air are. */
  loads(): readonly LoadedChannel[];
  /** Segments of which something that was withheld is yet to be made. */
  owed(): number;
}

/** Leads until closed or until the lease turns out to be lost. */
export function startLeader(deps: LeaderDeps, lease: Lease): Leader {
  const { logger, channels, redis } = deps;
  const stop = new AbortController();
  const actors = new Map<string, ChannelActor>();
  /** Actors of channels that are gone, until they have ended. */
  const ending = new Map<string, Promise<void>>();
  let unfinished: ReadonlyMap<string, number> = new Map();
  let actorDeps: ActorDeps | undefined;
  let owedNow = (): number => 0;
  const owedAtOnce = async (): Promise<number> => {
    const workers = await readWorkerCapacities(redis, Date.now());
    return roomForOwed(
      [...actors.values()].map((actor) => actor.load()),
      freeCores(workers, takenCores()),
      deps.clock.now(),
    );
  };
  const takenCores = (): number =>
    [...actors.values()].reduce((sum, { takenCores: taken }) => sum + taken, 0);

  const endAll = (): void => {
    for (const actor of actors.values()) {
      actor.stop();
    }
  };

  const end = (id: string, actor: ChannelActor): void => {
    actors.delete(id);
    const ended = actor.close().then(() => {
      ending.delete(id);
      deps.memory.forget(id);
    });
    ending.set(id, ended);
  };

  /** Does as the channel's record says now. */
  const follow = (id: string): void => {
    const channel = channels.byId(id);
    const actor = actors.get(id);
    if (actorDeps === undefined || stop.signal.aborted) {
      return;
    }
    if (channel === undefined) {
      if (actor !== undefined) {
        end(id, actor);
      }
    } else if (actor === undefined) {
      actors.set(id, new ChannelActor(channel, actorDeps, ending.get(id)));
    } else {
      actor.configure(channel);
    }
  };

  const begin = async (): Promise<Closable> => {
    await channels.restore();
    const transcode = await openTranscodeQueue(redis, logger);
    unfinished = transcode.unfinished();
    const owed = startOwedWork({ ...deps, transcode, atOnce: () => owedAtOnce() });
    owedNow = () => owed.count;
    const effects = openEffects({
      ...deps,
      transcode,
      onOwed: (task) => {
        owed.owe(task);
      },
    });
    actorDeps = {
      ...deps,
      lease,
      effects,
      workers: () => readWorkerCapacities(redis, Date.now()),
      takenCores,
      onLeaseLost: () => {
        if (!stop.signal.aborted) {
          logger.warn({ epoch: lease.epoch }, 'marks refused: another scheduler leads');
          stop.abort();
          endAll();
        }
      },
    };
    for (const { id } of channels.list()) {
      follow(id);
    }
    const shedding = startShedding({
      ...deps,
      channels: () => [...actors.values()],
      workers: actorDeps.workers,
      takenCores,
    });
    return {
      close: async () => {
        await shedding.close();
        await owed.close();
        await effects.close();
        await transcode.close();
      },
    };
  };

  /** Begins; what stumbles before any channel is led is tried again. */
  const beginning = (async (): Promise<Closable | undefined> => {
    while (!stop.signal.aborted) {
      try {
        return await begin();
      } catch (error) {
        logger.error({ error }, 'leader cannot begin yet');
        await delay(RETRY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
    return undefined;
  })();

  const telling = setInterval(() => {
    if (redis.status !== 'ready' || stop.signal.aborted) {
      return;
    }
    for (const actor of actors.values()) {
      actor.keep();
    }
    tellLeaderStatus(redis, { unfinished: Object.fromEntries(unfinished) }).catch(
      (error: unknown) => {
        logger.debug({ error }, 'status not told');
      },
    );
  }, TELL_MS);

  return {
    channelChanged: follow,
    lookForEnd: (id) => {
      actors.get(id)?.lookForEnd();
    },
    lookForEnds: () => {
      for (const actor of actors.values()) {
        actor.lookForEnd();
      }
    },
    unfinished: () => unfinished,
    owed: () => owedNow(),
    loads: () =>
      [...actors.values()].flatMap((actor) => {
        const load = actor.load();
        return load === undefined || load === 'undecided' ? [] : [load];
      }),
    close: async () => {
      stop.abort();
      clearInterval(telling);
      endAll();
      await Promise.all([...actors.values()].map((actor) => actor.close()));
      await Promise.all(ending.values());
      await (await beginning)?.close();
    },
  };
}
