/**
 * Operators' wishes to end a broadcast: control asks, the scheduler's leader does it. A wish names its broadcast, so
 * that it waits for the next leader where there is none, and never ends another broadcast than the one it was meant for.
 */
import { redisKeys } from './contracts/names.ts';
import type { Broadcast } from './contracts/segment.ts';
import type { Redis } from './redis.ts';

type Named = Pick<Broadcast, 'channel' | 'broadcast'>;

/** Asks, and wakes the leader. May be repeated. */
export async function askForEnd(redis: Redis, { channel, broadcast }: Named): Promise<void> {
  await redis.hset(redisKeys.endAsked, channel, broadcast);
  await redis.publish(redisKeys.endNews, channel);
}

/** The number of a channel's broadcast that is to be ended; undefined where nobody asks. */
export async function readEndAsked(redis: Redis, channel: string): Promise<number | undefined> {
  const wish = await redis.hget(redisKeys.endAsked, channel);
  return wish === null ? undefined : Number(wish);
}

/** The broadcast is over: what was asked is done, however it came to its end. */
export async function forgetEndAsked(redis: Redis, channel: string): Promise<void> {
  await redis.hdel(redisKeys.endAsked, channel);
}
