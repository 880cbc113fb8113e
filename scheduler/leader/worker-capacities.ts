/** What the workers tell of their machines in their heartbeats, read when a broadcast may begin. */
import { redisKeys } from '#common/contracts/names';
import { serviceRecordSchema } from '#common/contracts/status';
import { workerCapacitySchema, type WorkerCapacity } from '#common/contracts/worker-capacity';
import type { Redis } from '#common/redis';

/** A worker not heard of for this long is gone. */
const FRESH_MS = 10_000;
/** What was read counts this long: while a channel waits for its first segment, this is asked several times a second. */
const KEPT_MS = 500;

function parse(text: string, now: number): WorkerCapacity | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const record = serviceRecordSchema.safeParse(json).data;
  return record?.service === 'transcoder' && now - record.at <= FRESH_MS
    ? workerCapacitySchema.safeParse(record.detail).data
    : undefined;
}

/** See the head of this file. */
export class WorkerCapacities {
  readonly #redis: Pick<Redis, 'hvals'>;
  #readAt = Number.NEGATIVE_INFINITY;
  #known: readonly WorkerCapacity[] = [];

  constructor(redis: Pick<Redis, 'hvals'>) {
    this.#redis = redis;
  }

  /** Of every worker that can be heard of and tells. @param now real time: heartbeats carry that */
  async read(now: number): Promise<readonly WorkerCapacity[]> {
    if (now - this.#readAt > KEPT_MS) {
      const texts = await this.#redis.hvals(redisKeys.services);
      this.#known = texts.flatMap((text) => parse(text, now) ?? []);
      this.#readAt = now;
    }
    return this.#known;
  }
}
