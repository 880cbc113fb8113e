/** Channels where they are kept: records in the store, which are the truth, and Redis's mirror of them. */
import { channelSchema, type Channel } from './contracts/channel.ts';
import { redisKeys, storeKeys } from './contracts/names.ts';
import type { Logger } from './logger.ts';
import type { Redis } from './redis.ts';
import type { ObjectStore } from './store/store.ts';

/** A channel's record; undefined where there is none, or none that can be read, which is logged. */
export async function readChannelRecord(
  store: ObjectStore,
  id: string,
  logger: Logger,
): Promise<Channel | undefined> {
  const key = storeKeys.channel(id);
  const body = await store.get(key);
  try {
    return body && channelSchema.parse(JSON.parse(body.toString('utf8')));
  } catch (error) {
    logger.error({ error, key }, 'channel record cannot be read');
    return undefined;
  }
}

/** Ids of the channels that have a record. */
export async function listChannelRecords(store: ObjectStore): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const key of store.list(storeKeys.channelPrefix)) {
    const id = /^channels\/(.+)\.json$/.exec(key)?.[1];
    if (id !== undefined) {
      ids.push(id);
    }
  }
  return ids;
}

/** Puts channels into the mirror that it does not have, for a Redis that was emptied; what it has is never older. */
export async function fillMirror(redis: Redis, channels: readonly Channel[]): Promise<void> {
  for (const channel of channels) {
    const text = JSON.stringify(channel);
    if ((await redis.hsetnx(redisKeys.channels, channel.id, text)) === 1) {
      await redis.publish(redisKeys.channelChanged, channel.id);
    }
  }
}
