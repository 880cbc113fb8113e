/** What the workers tell of their machines in their heartbeats. */
import { redisKeys } from './contracts/names.ts';
import { serviceRecordSchema } from './contracts/status.ts';
import { workerCapacitySchema, type WorkerCapacity } from './contracts/worker-capacity.ts';
import { readJson } from './json.ts';
import type { Redis } from './redis.ts';

/** A worker not heard of for this long is gone. */
const FRESH_MS = 10_000;

/** A worker that can be heard of. */
export interface KnownWorker {
  readonly id: string;
  readonly capacity: WorkerCapacity;
}

function parse(id: string, text: string, since: number): KnownWorker | undefined {
  const record = readJson(serviceRecordSchema, text);
  const capacity =
    record?.service === 'transcoder' && record.at >= since
      ? workerCapacitySchema.safeParse(record.detail).data
      : undefined;
  return capacity && { id, capacity };
}

/**
 * Every worker that has told of its machine, by its id.
 * @param since real time: those that were last heard before are left out
 */
export async function readWorkers(
  redis: Pick<Redis, 'hgetall'>,
  since: number,
): Promise<readonly KnownWorker[]> {
  const records = await redis.hgetall(redisKeys.services);
  return Object.entries(records).flatMap(([id, text]) => parse(id, text, since) ?? []);
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
  const workers = await readWorkers(redis, now - FRESH_MS);
  return workers.map(({ capacity }) => capacity);
}
