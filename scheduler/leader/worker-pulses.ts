/**
 * Workers' lives, as one process knows them for all channels that it leads: when each gave its last sign of life, whose process
 * has ended, and whose stands still.
 *
 * The kernel closes a dead process's connections at once, so Redis knows of its end before anybody could miss a sign
 * of life: its subscription has no subscriber any more. Redis tells nobody of that, so it is asked.
 *
 * One that stands still (stopped, on a machine that hangs, behind a network that is gone) keeps its connections and beats no more. What
 * is counted is not time but looks of ours, one after the other, that go through Redis and come back by the connection by which beats come: while
 * this process or Redis stands still nobody is looked for, and what has come meanwhile is heard before the next look ends.
 */
import type { Clock } from '#common/clock';
import { redisKeys } from '#common/contracts/names';
import { BEAT_MS } from '#common/contracts/worker-beats';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import type { StreamFollower } from '#common/stream-follower';

/** Workers remembered: the least recently heard goes. */
const MOST_WORKERS = 4_096;
/** Redis is asked, and beats are looked for, this often, real milliseconds. */
const LOOK_MS = BEAT_MS;
const LATELY_MS = 10_000;
/** Looks without a beat, one more than which a worker stands still. */
const MOST_UNBEATEN = 5;

/** See {@link WorkerPulses.presence}. */
export type Presence = 'there' | 'stopped' | 'gone' | undefined;

/** See the head of this file. */
export interface WorkerPulses extends Closable {
  /** When its main thread was, by the clock; undefined if it was not heard yet. */
  lastHeard(worker: string): number | undefined;
  /**
   * Whether its process is there, has stopped beating (until it beats again), or was there and is not any more; undefined if it
   * was never seen to be.
   */
  presence(worker: string): Presence;
  /** Whether it has gone or has stopped. */
  isAway(worker: string): boolean;
  /**
   * Of workers whose processes were not seen yet, as by a new leader, those that Redis has no connection of: they have ended, or
   * are not ready. Redis is asked at once.
   */
  absent(workers: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * Calls when a worker has gone, or has stopped.
   * @returns stops calling
   */
  onAway(listener: () => void): () => void;
}

/** What it needs. */
export interface WorkerPulsesDeps {
  readonly streams: StreamFollower;
  /** That which has the streams. */
  readonly redis: Redis;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
}

interface Life {
  /** When anything was heard of it, by the clock. */
  seenAt: number;
  /** When its main thread was. */
  heardAt: number | undefined;
  /** Looks since its last beat; undefined until there is one by this connection, and of this life. */
  unbeaten: number | undefined;
  connection: 'there' | 'gone' | undefined;
}

const hasStopped = ({ unbeaten = 0 }: Life): boolean => unbeaten > MOST_UNBEATEN;

const presenceOf = (life: Life): Presence =>
  life.connection !== 'gone' && hasStopped(life) ? 'stopped' : life.connection;

const isAway = (life: Life): boolean => ['gone', 'stopped'].includes(presenceOf(life) ?? '');

/** Begins to listen. */
export function followWorkerPulses({
  streams,
  redis,
  clock,
  logger,
}: WorkerPulsesDeps): WorkerPulses {
  const lives = new Map<string, Life>();
  const listeners = new Set<() => void>();

  const heard = (worker: string): Life => {
    const now = clock.now();
    const life = lives.get(worker) ?? {
      seenAt: now,
      heardAt: undefined,
      unbeaten: undefined,
      connection: undefined,
    };
    life.seenAt = now;
    lives.delete(worker);
    lives.set(worker, life);
    const [oldest] = lives.keys();
    if (lives.size > MOST_WORKERS && oldest !== undefined) {
      lives.delete(oldest);
    }
    return life;
  };

  const stopFollowing = streams.follow(redisKeys.workerPulses, '0', (entries) => {
    for (const { fields } of entries) {
      const life = heard(fields[1]?.toString('utf8') ?? '');
      life.heardAt = life.seenAt;
    }
  });

  const beats = redis.duplicate({ connectionName: 'scheduler:beats' });
  beats.on('error', (error) => {
    logger.debug({ error }, 'beats connection error');
  });
  beats.on('message', (_channel, worker) => {
    const life = heard(worker);
    if (hasStopped(life)) {
      logger.info({ worker }, 'worker goes on');
    }
    life.unbeaten = 0;
  });
  // Where Redis was away, workers find it again when they do: not to be there yet is not to have gone.
  beats.on('close', () => {
    for (const life of lives.values()) {
      life.unbeaten = undefined;
      life.connection = undefined;
    }
  });
  beats.subscribe(redisKeys.workerBeats).catch((error: unknown) => {
    logger.debug({ error }, 'beats not subscribed to');
  });

  const connected = async (workers: readonly string[]): Promise<readonly boolean[]> => {
    const names = workers.map((worker) => redisKeys.workerPresence(worker));
    const answer = await redis.pubsub('NUMSUB', ...names);
    return workers.map((_worker, i) => Number(answer[2 * i + 1] ?? 0) > 0);
  };

  const lookForConnections = async (lately: readonly (readonly [string, Life])[]) => {
    const areConnected = await connected(lately.map(([worker]) => worker));
    for (const [i, [, life]] of lately.entries()) {
      // Of one that was never there only its first signs of life may have come.
      if (areConnected[i] === true) {
        life.connection = 'there';
      } else if (life.connection !== undefined) {
        life.connection = 'gone';
        life.unbeaten = undefined;
      }
    }
  };

  const lookForBeats = async (lately: readonly (readonly [string, Life])[]) => {
    // All that Redis had to tell before is heard before its answer.
    await beats.ping();
    for (const [worker, life] of lately) {
      if (life.unbeaten !== undefined) {
        life.unbeaten += 1;
        if (life.unbeaten === MOST_UNBEATEN + 1) {
          logger.warn({ worker }, 'worker stands still');
        }
      }
    }
  };

  const look = async (): Promise<void> => {
    const since = clock.now() - LATELY_MS;
    const lately = [...lives].filter(([, { seenAt }]) => seenAt > since);
    if (lately.length === 0) {
      return;
    }
    const here = lately.filter(([, life]) => !isAway(life));
    await Promise.all([lookForConnections(lately), lookForBeats(lately)]);
    if (here.some(([, life]) => isAway(life))) {
      for (const listener of listeners) {
        listener();
      }
    }
  };

  let isLooking = false;
  const timer = setInterval(() => {
    if (!isLooking) {
      isLooking = true;
      look()
        .catch((error: unknown) => {
          logger.debug({ error }, 'workers not looked for');
        })
        .finally(() => {
          isLooking = false;
        });
    }
  }, LOOK_MS);
  timer.unref();

  return {
    lastHeard: (worker) => lives.get(worker)?.heardAt,
    presence: (worker) => {
      const life = lives.get(worker);
      return life && presenceOf(life);
    },
    isAway: (worker) => {
      const life = lives.get(worker);
      return life !== undefined && isAway(life);
    },
    absent: async (workers) => {
      const unseen = workers.filter((worker) => lives.get(worker)?.connection === undefined);
      if (unseen.length === 0) {
        return new Set();
      }
      const areConnected = await connected(unseen);
      for (const worker of unseen.filter((_worker, i) => areConnected[i])) {
        heard(worker).connection = 'there';
      }
      return new Set(unseen.filter((_worker, i) => areConnected[i] !== true));
    },
    onAway: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    close: () => {
      clearInterval(timer);
      stopFollowing();
      beats.disconnect();
      return Promise.resolve();
    },
  };
}
