/** The channels with their key hashes, in memory, following the mirror in Redis: whoever asks need not wait for it. */
import { createHash } from 'node:crypto';
import { channelSchema, type Channel } from './contracts/channel.ts';
import { redisKeys } from './contracts/names.ts';
import type { Logger } from './logger.ts';
import type { Redis } from './redis.ts';

/** Real milliseconds between looks at the whole table, for changes whose notice was lost. */
const REFRESH_MS = 10_000;
/**
 * Looks at which a channel has to be missing before it is taken as gone. A deletion has its notice; a table without a
 * channel may also be that of a Redis that was emptied, and no publisher is to be dropped for that.
 */
const MISSING_LOOKS = 3;

/** Keeps itself up to date until closed. */
export interface ChannelDirectory {
  /** The channel with this stream key. */
  byKey(key: string): Channel | undefined;
  byId(id: string): Channel | undefined;
  /** Every channel, by id. */
  list(): readonly Channel[];
  /** Calls back whenever a channel's key changed or the channel is gone. */
  watch(onChange: (id: string) => void): void;
  /** Calls back whenever a channel is new, has changed in anything, or is gone. */
  watchAll(onChange: (id: string) => void): void;
  /** Calls back whenever a channel's publisher must be disconnected. */
  watchDrops(onDrop: (id: string) => void): void;
  close(): Promise<void>;
}

/** What the directory works with: `subscriber` is a connection of its own. */
export interface ChannelDirectoryDeps {
  readonly redis: Redis;
  readonly subscriber: Redis;
  readonly logger: Logger;
  /** Real milliseconds between looks at the whole table. */
  readonly refreshMs?: number;
}

/** Reads all channels and follows their changes. */
export async function openChannelDirectory(deps: ChannelDirectoryDeps): Promise<ChannelDirectory> {
  const { logger, redis, subscriber } = deps;
  const channels = new Map<string, Channel>();
  const texts = new Map<string, string>();
  const byHash = new Map<string, string>();
  const missing = new Map<string, number>();
  const watchers: ((id: string) => void)[] = [];
  const allWatchers: ((id: string) => void)[] = [];
  const droppers: ((id: string) => void)[] = [];

  const set = (id: string, json: string | null | undefined): void => {
    const before = channels.get(id);
    const channel = json === null || json === undefined ? undefined : parseChannel(json, logger);
    missing.delete(id);
    if (before !== undefined && byHash.get(before.streamKeyHash) === id) {
      byHash.delete(before.streamKeyHash);
    }
    const isNews = channel === undefined ? before !== undefined : texts.get(id) !== json;
    if (channel === undefined) {
      channels.delete(id);
      texts.delete(id);
    } else {
      channels.set(id, channel);
      texts.set(id, json ?? '');
      byHash.set(channel.streamKeyHash, id);
    }
    const told = [
      ...(before?.streamKeyHash === channel?.streamKeyHash ? [] : watchers),
      ...(isNews ? allWatchers : []),
    ];
    told.forEach((onChange) => {
      onChange(id);
    });
  };
  const refresh = async (): Promise<void> => {
    const all = await redis.hgetall(redisKeys.channels);
    for (const id of Object.keys(all).length === 0 ? [] : channels.keys()) {
      const looks = (missing.get(id) ?? 0) + 1;
      if (!Object.hasOwn(all, id)) {
        missing.set(id, looks);
        if (looks >= MISSING_LOOKS) {
          set(id, null);
        }
      }
    }
    for (const [id, json] of Object.entries(all)) {
      set(id, json);
    }
  };
  const warn = (error: unknown): void => {
    logger.warn({ error }, 'channels cannot be read');
  };

  subscriber.on('message', (topic, id) => {
    if (topic === redisKeys.dropFeed) {
      droppers.forEach((onDrop) => {
        onDrop(id);
      });
      return;
    }
    redis
      .hget(redisKeys.channels, id)
      .then((json) => {
        set(id, json);
      })
      .catch(warn);
  });
  await subscriber.subscribe(redisKeys.channelChanged, redisKeys.dropFeed);
  await refresh();
  const timer = setInterval(() => {
    if (redis.status === 'ready') {
      refresh().catch(warn);
    }
  }, deps.refreshMs ?? REFRESH_MS);
  return {
    byKey: (key) => {
      const id = byHash.get(createHash('sha256').update(key).digest('hex'));
      return id === undefined ? undefined : channels.get(id);
    },
    byId: (id) => channels.get(id),
    list: () => [...channels.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    watch: (onChange) => {
      watchers.push(onChange);
    },
    watchAll: (onChange) => {
      allWatchers.push(onChange);
    },
    watchDrops: (onDrop) => {
      droppers.push(onDrop);
    },
    close: async () => {
      clearInterval(timer);
      if (subscriber.status === 'ready') {
        await subscriber.unsubscribe();
      }
    },
  };
}

function parseChannel(json: string, logger: Logger): Channel | undefined {
  try {
    return channelSchema.parse(JSON.parse(json));
  } catch (error) {
    logger.error({ error }, 'a channel record is wrong');
    return undefined;
  }
}
