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

/** A watch. */
export interface RedisLife extends Closable {
  /** Resolves when the present life is known: whatever is written from then on and lost will be noticed. */
  readonly known: Promise<void>;
}

/**
 * Watches until closed.
 * @param onEmptied called once for each loss; when it fails it is called again
 */
export function watchRedisLife(
  redis: Redis,
  logger: Logger,
  onEmptied: () => Promise<void>,
): RedisLife {
  let known: string | undefined;
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
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
    if (known !== undefined) {
      begin();
    }
  };
  const lookAgain = (): void => {
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
  };
  const timer = setInterval(lookAgain, EVERY_MS);
  lookAgain();
  return {
    known: begun,
    close: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
