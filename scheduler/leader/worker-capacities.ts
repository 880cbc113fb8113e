/** What the workers tell of their machines in their heartbeats, read when a broadcast may begin. */
import { redisKeys } from '#common/contracts/names';
import { serviceRecordSchema } from '#common/contracts/status';
import { workerCapacitySchema, type WorkerCapacity } from '#common/contracts/worker-capacity';
import { readJson } from '#common/json';
import type { Redis } from '#common/redis';
import type { Worker } from '../plan/early.ts';

/** A worker not heard of for this long is gone. */
const FRESH_MS = 10_000;

function parse(id: string, text: string, now: number): Worker | undefined {
  const record = readJson(serviceRecordSchema, text);
  const capacity =
    record?.service === 'transcoder' && now - record.at <= FRESH_MS
      ? workerCapacitySchema.safeParse(record.detail).data
      : undefined;
  return capacity && { id, capacity };
}

/** Every worker that can be heard of and tells, by its id. */
export async function readWorkers(
  redis: Pick<Redis, 'hgetall'>,
  now: number,
): Promise<readonly Worker[]> {
  const records = await redis.hgetall(redisKeys.services);
  return Object.entries(records).flatMap(([id, text]) => parse(id, text, now) ?? []);
}

/**
 * Of every worker that can be heard of and tells. Asked several times a second, for the few seconds that a channel waits
 * for its first segment.
 * @param now real time: heartbeats carry that
 */
export async function readWorkerCapacities(
  redis: Pick<Redis, 'hgetall'>,
  now: number,
): Promise<readonly WorkerCapacity[]> {
  const workers = await readWorkers(redis, now);
  return workers.map(({ capacity }) => capacity);
}
