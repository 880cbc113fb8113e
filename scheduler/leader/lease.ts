/**
 * Leadership: a key in Redis that lives three seconds and is renewed each second. Its epoch fences every mark, so a
 * leader that was suspended and wakes up cannot decide anything. One whose process is known to have ended is not waited for:
 * whatever of its commands is still on the way is fenced like a suspended one's. Times are real, because Redis's are.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { holderOf, leaseValue, type Lease } from '#common/channel-log';
import { redisKeys } from '#common/contracts/names';
import { withDeadline, type Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import { hasEnded } from './lease-holder.ts';

const LEASE_MS = 3_000;
const RENEW_MS = 1_000;

const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;
const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

/** What a lease is kept for. */
export interface LeaseOptions {
  readonly redis: Redis;
  readonly holder: string;
  readonly logger: Logger;
  /** Begins to lead; what it returns is closed when the lease is lost or given up. */
  readonly lead: (lease: Lease) => Promise<Closable>;
}

/** Tries for the lease until closed. */
export function keepLease(options: LeaseOptions): Closable {
  const { redis, logger } = options;
  const stop = new AbortController();
  let held: { readonly lease: Lease; readonly leading: Closable; renewedAt: number } | undefined;

  const giveUp = async (reason: string): Promise<void> => {
    if (held === undefined) {
      return;
    }
    const { lease, leading } = held;
    held = undefined;
    // An orderly end is no trouble.
    const level = stop.signal.aborted ? 'info' : 'warn';
    logger[level]({ epoch: lease.epoch, reason }, 'leadership ended');
    await leading.close();
  };

  /** Returns after how many milliseconds to look again. */
  const take = async (): Promise<number> => {
    const value = await redis.get(redisKeys.lease);
    if (value !== null && hasEnded(holderOf(value))) {
      await redis.eval(RELEASE, 1, redisKeys.lease, value);
    }
    const left = await redis.pttl(redisKeys.lease);
    if (left > 0) {
      // The moment another's lease runs out is worth meeting: until somebody leads, nothing is made.
      return Math.min(RENEW_MS, left + 1);
    }
    const lease = await acquire(redis, options.holder);
    if (lease !== undefined) {
      logger.info({ epoch: lease.epoch }, 'leadership began');
      const renewedAt = performance.now();
      held = { lease, leading: await options.lead(lease), renewedAt };
    }
    return RENEW_MS;
  };

  const step = async (): Promise<number> => {
    if (held === undefined) {
      return take();
    }
    const renewal = redis.eval(RENEW, 1, redisKeys.lease, leaseValue(held.lease), LEASE_MS);
    if ((await withDeadline(renewal, RENEW_MS, 'renewing the lease')) !== 1) {
      await giveUp('another scheduler leads, or Redis was emptied');
      return take();
    }
    held.renewedAt = performance.now();
    return RENEW_MS;
  };

  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      let wait = RENEW_MS;
      try {
        wait = await step();
      } catch (error) {
        logger.warn({ error }, 'lease not renewed');
        if (held !== undefined && performance.now() - held.renewedAt > LEASE_MS) {
          await giveUp('redis is away');
        }
      }
      await delay(wait, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const running = run();

  return {
    close: async () => {
      stop.abort();
      await running;
      const lease = held?.lease;
      await giveUp('the service stops');
      if (lease !== undefined && redis.status === 'ready') {
        await redis.eval(RELEASE, 1, redisKeys.lease, leaseValue(lease));
      }
    },
  };
}

async function acquire(redis: Redis, holder: string): Promise<Lease | undefined> {
  if ((await redis.exists(redisKeys.lease)) === 1) {
    return undefined;
  }
  const lease = { epoch: await redis.incr(redisKeys.leaseEpoch), holder };
  const answer = await redis.set(redisKeys.lease, leaseValue(lease), 'PX', LEASE_MS, 'NX');
  return answer === 'OK' ? lease : undefined;
}
