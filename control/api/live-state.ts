/** What other processes tell through Redis, parsed; whatever does not parse is as if it were not there. */
import { redisKeys } from '#common/contracts/names';
import { broadcastSchema, type Broadcast } from '#common/contracts/segment';
import {
  feedStatusSchema,
  originStatusSchema,
  serviceRecordSchema,
  type FeedStatus,
  type OriginStatus,
  type ServiceRecord,
} from '#common/contracts/status';
import { readJson } from '#common/json';
import type { Redis } from '#common/redis';
import { parseStoredChunk, type StoredChunk } from '#common/stored-chunks';

/** A service not heard of for this long is gone. */
const FRESH_MS = 10_000;

/** The broadcast a channel has on air. */
export const readAir = async (redis: Redis, channel: string): Promise<Broadcast | undefined> =>
  readJson(broadcastSchema, await redis.hget(redisKeys.air, channel));

/** Ids of the channels on air. */
export const readOnAir = async (redis: Redis): Promise<ReadonlySet<string>> =>
  new Set(await redis.hkeys(redisKeys.air));

/** What is known of a channel's broadcast, feed and publication. */
export interface LiveState {
  readonly air: Broadcast | undefined;
  readonly feed: FeedStatus | undefined;
  readonly origin: OriginStatus | undefined;
  /** The newest raw chunk in the store. */
  readonly stored: StoredChunk | undefined;
}

/** What is known of one channel. */
export async function readLive(redis: Redis, channel: string): Promise<LiveState> {
  const [air, feed, origin, chunk] = await Promise.all([
    redis.hget(redisKeys.air, channel),
    redis.hget(redisKeys.feeds, channel),
    redis.hget(redisKeys.origin, channel),
    redis.hget(redisKeys.storedChunks, channel),
  ]);
  return {
    air: readJson(broadcastSchema, air),
    feed: readJson(feedStatusSchema, feed),
    origin: readJson(originStatusSchema, origin),
    stored: parseStoredChunk(chunk),
  };
}

/** What is known of every channel, to be asked by id. */
export async function readEverything(redis: Redis): Promise<(channel: string) => LiveState> {
  const [airs, feeds, origins, chunks] = await Promise.all([
    redis.hgetall(redisKeys.air),
    redis.hgetall(redisKeys.feeds),
    redis.hgetall(redisKeys.origin),
    redis.hgetall(redisKeys.storedChunks),
  ]);
  return (channel) => ({
    air: readJson(broadcastSchema, airs[channel]),
    feed: readJson(feedStatusSchema, feeds[channel]),
    origin: readJson(originStatusSchema, origins[channel]),
    stored: parseStoredChunk(chunks[channel]),
  });
}

/** Services heard of lately, by id; those long gone are forgotten in passing. */
export async function readServices(redis: Redis, now: number): Promise<readonly ServiceRecord[]> {
  const all = await redis.hgetall(redisKeys.services);
  const services: ServiceRecord[] = [];
  const gone: string[] = [];
  for (const [id, text] of Object.entries(all)) {
    const record = readJson(serviceRecordSchema, text);
    if (record !== undefined && now - record.at <= FRESH_MS) {
      services.push(record);
    } else if (record === undefined || now - record.at > 10 * FRESH_MS) {
      gone.push(id);
    }
  }
  if (gone.length > 0) {
    await redis.hdel(redisKeys.services, ...gone);
  }
  return services.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
