/** What other processes tell through Redis, parsed; whatever does not parse is as if it were not there. */
import type { z } from 'zod';
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
import type { Redis } from '#common/redis';
import { schedulerKeys } from '../../scheduler/keys.ts';

/** A service not heard of for this long is gone. */
const FRESH_MS = 10_000;

function parse<S extends z.ZodType>(schema: S, text: string | null): z.output<S> | undefined {
  if (text === null) {
    return undefined;
  }
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The broadcast a channel has on air. */
export const readAir = async (redis: Redis, channel: string): Promise<Broadcast | undefined> =>
  parse(broadcastSchema, await redis.hget(schedulerKeys.air, channel));

/** Ids of the channels on air. */
export const readOnAir = async (redis: Redis): Promise<ReadonlySet<string>> =>
  new Set(await redis.hkeys(schedulerKeys.air));

/** A channel's feed, as ingest told it last. */
export const readFeed = async (redis: Redis, channel: string): Promise<FeedStatus | undefined> =>
  parse(feedStatusSchema, await redis.hget(redisKeys.feeds, channel));

/** What the origin published of a channel. */
export const readOrigin = async (
  redis: Redis,
  channel: string,
): Promise<OriginStatus | undefined> =>
  parse(originStatusSchema, await redis.hget(redisKeys.origin, channel));

/** What is known of a channel's broadcast, feed and publication. */
export interface LiveState {
  readonly air: Broadcast | undefined;
  readonly feed: FeedStatus | undefined;
  readonly origin: OriginStatus | undefined;
}

/** What is known of every channel, to be asked by id. */
export async function readEverything(redis: Redis): Promise<(channel: string) => LiveState> {
  const [airs, feeds, origins] = await Promise.all([
    redis.hgetall(schedulerKeys.air),
    redis.hgetall(redisKeys.feeds),
    redis.hgetall(redisKeys.origin),
  ]);
  return (channel) => ({
    air: parse(broadcastSchema, airs[channel] ?? null),
    feed: parse(feedStatusSchema, feeds[channel] ?? null),
    origin: parse(originStatusSchema, origins[channel] ?? null),
  });
}

/** Services heard of lately, by id; those long gone are forgotten in passing. */
export async function readServices(redis: Redis, now: number): Promise<readonly ServiceRecord[]> {
  const all = await redis.hgetall(redisKeys.services);
  const services: ServiceRecord[] = [];
  const gone: string[] = [];
  for (const [id, text] of Object.entries(all)) {
    const record = parse(serviceRecordSchema, text);
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
