/** in_MQ: which raw chunks are in the store, so that the control room can tell how far the recording is safe. */
import { QUEUES } from '#common/contracts/names';
import { chunkJobSchema } from '#common/contracts/raw-chunk';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import { openWorker } from '#common/queues';
import type { Redis } from '#common/redis';

/** Sessions remembered; the oldest are forgotten. */
const MOST_SESSIONS = 2_000;

/** The newest raw chunk of each session. */
export interface StoredChunks extends Closable {
  /** Segment number of a session's newest stored chunk, as far as this process was told. */
  newest(channel: string, session: string): number | undefined;
}

/** Consumes the queue `chunks`. */
export function openStoredChunks(redis: Redis, logger: Logger): StoredChunks {
  const newest = new Map<string, number>();
  const worker = openWorker(
    QUEUES.chunks,
    redis,
    logger,
    chunkJobSchema,
    (chunk) => {
      const key = `${chunk.channel}/${chunk.session}`;
      const n = Math.max(chunk.n, newest.get(key) ?? 0);
      newest.delete(key);
      newest.set(key, n);
      for (const oldest of newest.keys()) {
        if (newest.size <= MOST_SESSIONS) {
          break;
        }
        newest.delete(oldest);
      }
      return Promise.resolve();
    },
    { concurrency: 8 },
  );
  return {
    newest: (channel, session) => newest.get(`${channel}/${session}`),
    close: () => worker.close(),
  };
}
