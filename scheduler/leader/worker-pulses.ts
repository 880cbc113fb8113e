/** Workers' signs of life: when each was last heard. One process's, for all channels that it leads. */
import type { Clock } from '#common/clock';
import { redisKeys } from '#common/contracts/names';
import type { Closable } from '#common/lifecycle';
import type { StreamFollower } from '#common/stream-follower';

/** Workers remembered: the least recently heard goes. */
const MOST_WORKERS = 4_096;

/** See the head of this file. */
export interface WorkerPulses extends Closable {
  /** The clock's time; undefined if it was not heard yet. */
  lastHeard(worker: string): number | undefined;
}

/** Begins to listen. */
export function followWorkerPulses(
  streams: StreamFollower,
  clock: Pick<Clock, 'now'>,
): WorkerPulses {
  const heard = new Map<string, number>();
  const stopFollowing = streams.follow(redisKeys.workerPulses, '0', (entries) => {
    const now = clock.now();
    for (const { fields } of entries) {
      const worker = fields[1]?.toString('utf8') ?? '';
      heard.delete(worker);
      heard.set(worker, now);
    }
    for (const worker of [...heard.keys()].slice(0, Math.max(0, heard.size - MOST_WORKERS))) {
      heard.delete(worker);
    }
  });
  return {
    lastHeard: (worker) => heard.get(worker),
    close: () => {
      stopFollowing();
      return Promise.resolve();
    },
  };
}
