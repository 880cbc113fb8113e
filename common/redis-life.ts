/**
 * Notices that Redis was emptied or replaced under us: a key holds a random value for as long as the data lives.
 * Whoever holds more than Redis then does writes it again.
 */
import { randomBytes } from 'node:crypto';
import { redisKeys } from './contracts/names.ts';
import type { Closable } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import type { Redis } from './redis.ts';

/** Real milliseconds between looks: short beside a lease's life, so that writers are done before a leader begins. */
const EVERY_MS = 250;

/**
 * Watches until closed.
 * @param onEmptied called once for each loss; when it fails it is called again
 */
export function watchRedisLife(
  redis: Redis,
  logger: Logger,
  onEmptied: () => Promise<void>,
): Closable {
  let known: string | undefined;
  let looking: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    // A new value each time: the one who finds the key gone must see the difference as well.
    await redis.set(redisKeys.life, randomBytes(12).toString('hex'), 'NX');
    const seen = (await redis.get(redisKeys.life)) ?? undefined;
    if (known !== undefined && seen !== undefined && seen !== known) {
      logger.warn('redis has lost its data: what is still known here is written again');
      await onEmptied();
    }
    known = seen ?? known;
  };
  const timer = setInterval(() => {
    if (redis.status !== 'ready' || looking !== undefined) {
      return;
    }
    looking = look()
      .catch((error: unknown) => {
        logger.warn({ error }, 'life of redis not known');
      })
      .finally(() => {
        looking = undefined;
      });
  }, EVERY_MS);
  return {
    close: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
