/** What the workers tell of their machines in their heartbeats, read when a broadcast may begin. */
import { redisKeys } from '#common/contracts/names';
import { serviceRecordSchema } from '#common/contracts/status';
import { workerCapacitySchema, type WorkerCapacity } from '#common/contracts/worker-capacity';
import { readJson } from '#common/json';
import type { Redis } from '#common/redis';

/** A worker not heard of for this long is gone. */
const FRESH_MS = 10_000;

function parse(text: string, now: number): WorkerCapacity | undefined {
  const record = readJson(serviceRecordSchema, text);
  return record?.service === 'transcoder' && now - record.at <= FRESH_MS
    ? workerCapacitySchema.safeParse(record.detail).data
    : undefined;
}

/**
 * Of every worker that can be heard of and tells. Asked several times a second, for the few seconds that a channel waits
 * for its first segment.
 * @param now real time: heartbeats carry that
 */
export async function readWorkerCapacities(
  redis: Pick<Redis, 'hvals'>,
  now: number,
): Promise<readonly WorkerCapacity[]> {
  const texts = await redis.hvals(redisKeys.services);
  return texts.flatMap((text) => parse(text, now) ?? []);
}
