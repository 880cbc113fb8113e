/**
 * Redis's mirror of the channels' records, which every other service reads. Several processes write it, each after it
 * has read or changed a record in the store, and however long that took, an older record never replaces a newer one:
 * whoever writes claims the channel first, and what it writes counts only while its claim is the newest.
 *
 * So the last to write has read, or changed, the record after every other claim; and one whose change was overtaken
 * reads the record again, for the one who overtook it may have read before that change.
 */
import { randomBytes } from 'node:crypto';
import { readChannelRecord } from './channel-records.ts';
import type { Channel } from './contracts/channel.ts';
import { redisKeys } from './contracts/names.ts';
import type { Logger } from './logger.ts';
import type { Redis } from './redis.ts';
import type { ObjectStore } from './store/store.ts';

/**
 * Seconds that a claim lasts: longer than the store takes. One that ran out is as good as overtaken. That of a deletion
 * stays so long, for whoever has not heard of it to put nothing back.
 */
const CLAIM_SECONDS = 60;
/** Whoever is overtaken so often leaves it to the others, who have read later. */
const MOST_READS = 4;

/** Keys: the mirror, the claim. Arguments: the channel, the claim, the notice's topic, what to write. */
const WRITE = `
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', ARGV[3], ARGV[1])
return 1`;
const REMOVE = `
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[3], ARGV[1])
return 1`;
/** Arguments: the channel, the notice's topic, what to write. */
const FILL = `
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[3]) == 0 then return 0 end
redis.call('PUBLISH', ARGV[2], ARGV[1])
return 1`;

/** Claims a channel for one who is about to read or change its record. @returns the claim, for {@link writeMirror} */
export async function claimMirror(redis: Redis, id: string): Promise<string> {
  const claim = randomBytes(12).toString('hex');
  await redis.set(redisKeys.channelClaim(id), claim, 'EX', CLAIM_SECONDS);
  return claim;
}

/**
 * Writes what the holder of a claim knows of a channel into the mirror, and gives notice.
 * @param channel undefined takes it out
 * @returns false, and nothing is written, if the claim is not the newest any more
 */
export async function writeMirror(
  redis: Redis,
  id: string,
  claim: string,
  channel: Channel | undefined,
): Promise<boolean> {
  const keys = [redisKeys.channels, redisKeys.channelClaim(id)] as const;
  const topic = redisKeys.channelChanged;
  const written =
    channel === undefined
      ? await redis.eval(REMOVE, keys.length, ...keys, id, claim, topic)
      : await redis.eval(WRITE, keys.length, ...keys, id, claim, topic, JSON.stringify(channel));
  return written === 1;
}

/** What {@link mirrorRecord} works with. */
export interface MirrorDeps {
  readonly redis: Redis;
  readonly store: Pick<ObjectStore, 'get'>;
  readonly logger: Logger;
}

/**
 * Brings a channel's record into the mirror, or takes out what has none; one that cannot be read changes nothing.
 * @returns the record as it was read
 */
export async function mirrorRecord(
  { redis, store, logger }: MirrorDeps,
  id: string,
): Promise<Awaited<ReturnType<typeof readChannelRecord>>> {
  for (let reads = 1; ; reads += 1) {
    const claim = await claimMirror(redis, id);
    const record = await readChannelRecord(store, id, logger);
    if (record === 'unreadable') {
      return record;
    }
    const isNewest = await writeMirror(redis, id, claim, record === 'none' ? undefined : record);
    if (isNewest || reads === MOST_READS) {
      return record;
    }
  }
}

/**
 * Puts channels that are known from before into the mirror where it does not have them, for a Redis that was emptied
 * while the store is away. What is being changed or was deleted lately is left alone.
 */
export async function fillMirror(redis: Redis, channels: readonly Channel[]): Promise<void> {
  for (const channel of channels) {
    const { id } = channel;
    const keys = [redisKeys.channels, redisKeys.channelClaim(id)] as const;
    const text = JSON.stringify(channel);
    await redis.eval(FILL, keys.length, ...keys, id, redisKeys.channelChanged, text);
  }
}
