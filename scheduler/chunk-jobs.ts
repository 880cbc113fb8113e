/** in_MQ: takes the jobs of raw chunks that are in the store, and notes how far each channel's recording is safe. */
import { QUEUES } from '#common/contracts/names';
import { chunkJobSchema } from '#common/contracts/raw-chunk';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import { closeWorker, openWorker } from '#common/queues';
import type { Redis } from '#common/redis';
import { noteStoredChunk } from '#common/stored-chunks';

/** Consumes the queue `chunks`. */
export function takeChunkJobs(redis: Redis, logger: Logger): Closable {
  const worker = openWorker(
    QUEUES.chunks,
    redis,
    logger,
    chunkJobSchema,
    (chunk) => noteStoredChunk(redis, chunk),
    { concurrency: 8 },
  );
  return { close: () => closeWorker(worker, redis) };
}
