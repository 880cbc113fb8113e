/**
 * Workers' lives, as one process knows them for all channels that it leads: when each gave its last sign of life, and whose process
 * has ended. The kernel closes a dead process's connections at once, so Redis knows of its end before anybody could miss a sign
 * of life: its subscription has no subscriber any more. Redis tells nobody of that, so it is asked.
 */
import type { Clock } from '#common/clock';
import { redisKeys } from '#common/contracts/names';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import type { StreamFollower } from '#common/stream-follower';

/** Workers remembered: the least recently heard goes. */
const MOST_WORKERS = 4_096;
/** Redis is asked this often, real milliseconds, whether those that were heard lately are there. */
const LOOK_MS = 50;
const LATELY_MS = 10_000;

/** See {@link WorkerPulses.presence}. */
export type Presence = 'there' | 'gone' | undefined;

/** See the head of this file. */
export interface WorkerPulses extends Closable {
  /** The clock's time; undefined if it was not heard yet. */
  lastHeard(worker: string): number | undefined;
  /** Whether its process is there, or was and is not any more; undefined if it was never seen to be. */
  presence(worker: string): Presence;
  /**
   * Calls when a worker has gone.
   * @returns stops calling
   */
  onGone(listener: () => void): () => void;
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
  heardAt: number;
  presence: Presence;
}

/** Begins to listen. */
export function followWorkerPulses({
  streams,
  redis,
  clock,
  logger,
}: WorkerPulsesDeps): WorkerPulses {
  const lives = new Map<string, Life>();
  const listeners = new Set<() => void>();
  const stopFollowing = streams.follow(redisKeys.workerPulses, '0', (entries) => {
    const now = clock.now();
    for (const { fields } of entries) {
      const worker = fields[1]?.toString('utf8') ?? '';
      const life = lives.get(worker) ?? { heardAt: now, presence: undefined };
      life.heardAt = now;
      lives.delete(worker);
      lives.set(worker, life);
    }
    for (const worker of [...lives.keys()].slice(0, Math.max(0, lives.size - MOST_WORKERS))) {
      lives.delete(worker);
    }
  });

  const look = async (): Promise<void> => {
    const since = clock.now() - LATELY_MS;
    const lately = [...lives].filter(([, { heardAt }]) => heardAt > since);
    if (lately.length === 0) {
      return;
    }
    const names = lately.map(([worker]) => redisKeys.workerPresence(worker));
    const answer = await redis.pubsub('NUMSUB', ...names);
    let hasOneGone = false;
    for (const [i, [, life]] of lately.entries()) {
      const isThere = Number(answer[2 * i + 1] ?? 0) > 0;
      hasOneGone ||= life.presence === 'there' && !isThere;
      // Of one that was never there only its first signs of life may have come.
      if (isThere) {
        life.presence = 'there';
      } else if (life.presence !== undefined) {
        life.presence = 'gone';
      }
    }
    if (hasOneGone) {
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
    presence: (worker) => lives.get(worker)?.presence,
    onGone: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    close: () => {
      clearInterval(timer);
      stopFollowing();
      return Promise.resolve();
    },
  };
}
