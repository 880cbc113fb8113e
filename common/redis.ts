/** Redis connections: one place for their options. */
import { Redis, type ChainableCommander } from 'ioredis';
import type { Logger } from './logger.ts';

export { Redis, type ChainableCommander };

/** Waited for by `disconnect`, real milliseconds, and in full where Redis is away: ioredis's 2 s hold up the process's end. */
const DISCONNECT_MS = 250;

/**
 * Connects; commands issued while Redis is away wait for it, in order. BullMQ needs `maxRetriesPerRequest: null`;
 * whoever must not wait bounds its own queue.
 */
export function connectRedis(url: string, name: string, logger: Logger): Redis {
  const redis = new Redis(url, {
    connectionName: name,
    maxRetriesPerRequest: null,
    enableReadyCheck: true,
    disconnectTimeout: DISCONNECT_MS,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000),
  });
  let isDown = false;
  redis.on('error', (error: Error) => {
    if (!isDown) {
      isDown = true;
      logger.warn({ connection: name, reason: error.message }, 'redis is away');
    }
  });
  redis.on('ready', () => {
    if (isDown) {
      isDown = false;
      logger.info({ connection: name }, 'redis is back');
    }
  });
  return redis;
}

/** Runs a pipeline and throws its first error. */
export async function execute(pipeline: ChainableCommander): Promise<unknown[]> {
  const results = (await pipeline.exec()) ?? [];
  return results.map(([error, value]) => {
    if (error !== null) {
      throw error;
    }
    return value;
  });
}
