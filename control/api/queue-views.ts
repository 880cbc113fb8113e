/** Queues as operators see them: jobs by state, and how long the oldest has been waiting. */
import type { QUEUES } from '#common/contracts/names';
import type { QueueView } from '#common/contracts/control-room';
import type { Queue } from '#common/queues';
import { execute, type Redis } from '#common/redis';

/** Jobs of each state that are looked at for the oldest. Within a state they come in the order they will be done. */
const MOST_LOOKED_AT = 200;

/** The state of a queue at that (real) time. */
export async function readQueue(
  queue: Pick<Queue, 'getJobCounts' | 'getRanges' | 'toKey'>,
  name: keyof typeof QUEUES,
  redis: Redis,
  now: number,
): Promise<QueueView> {
  const [counts, ids] = await Promise.all([
    queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'),
    queue.getRanges(['waiting', 'prioritized', 'active', 'delayed'], 0, MOST_LOOKED_AT - 1, true),
  ]);
  const of = (state: string): number => counts[state] ?? 0;
  return {
    name,
    waiting: of('waiting') + of('prioritized'),
    active: of('active'),
    delayed: of('delayed'),
    failed: of('failed'),
    oldestMs: await oldestOf(queue, ids, redis, now),
  };
}

async function oldestOf(
  queue: Pick<Queue, 'toKey'>,
  ids: readonly string[],
  redis: Redis,
  now: number,
): Promise<number | null> {
  if (ids.length === 0) {
    return null;
  }
  const pipeline = redis.pipeline();
  for (const id of ids) {
    pipeline.hget(queue.toKey(id), 'timestamp');
  }
  // A job may have been finished and removed since its id was read.
  const added = (await execute(pipeline)).flatMap((text) =>
    typeof text === 'string' ? [Number(text)] : [],
  );
  return added.length === 0 ? null : Math.max(0, now - Math.min(...added));
}
