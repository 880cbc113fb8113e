/** Channels' records in the store, which are the truth. Their mirror in Redis is `channel-mirror.ts`. */
import { channelSchema, type Channel } from './contracts/channel.ts';
import { storeKeys } from './contracts/names.ts';
import type { Logger } from './logger.ts';
import type { ObjectStore } from './store/store.ts';

/** A channel's record; `none` where there is none, `unreadable` where it is not a channel, which is logged. */
export async function readChannelRecord(
  store: Pick<ObjectStore, 'get'>,
  id: string,
  logger: Logger,
): Promise<Channel | 'none' | 'unreadable'> {
  const key = storeKeys.channel(id);
  const body = await store.get(key);
  if (body === undefined) {
    return 'none';
  }
  try {
    return channelSchema.parse(JSON.parse(body.toString('utf8')));
  } catch (error) {
    logger.error({ error, key }, 'channel record cannot be read');
    return 'unreadable';
  }
}

/** Ids of the channels that have a record. */
export async function listChannelRecords(
  store: Pick<ObjectStore, 'list'>,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const key of store.list(storeKeys.channelPrefix)) {
    const id = /^channels\/(.+)\.json$/.exec(key)?.[1];
    if (id !== undefined) {
      ids.push(id);
    }
  }
  return ids;
}
