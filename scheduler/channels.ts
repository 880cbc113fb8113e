/**
 * The channels as the scheduler knows them: it follows Redis's mirror and changes none. When Redis was emptied it puts
 * back what it knows, and what the store has, so that channels are led whether or not a control is there.
 */
import pRetry from 'p-retry';
import { openChannelDirectory } from '#common/channel-directory';
import { fillMirror, mirrorRecord } from '#common/channel-mirror';
import { listChannelRecords } from '#common/channel-records';
import type { Channel } from '#common/contracts/channel';
import { redisKeys } from '#common/contracts/names';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import type { ObjectStore } from '#common/store/store';

/** Real milliseconds between attempts while the store is away. */
const RETRY_MS = 2_000;

/** What they are read from; `subscriber` is a connection of its own. */
export interface ChannelsDeps {
  readonly redis: Redis;
  readonly subscriber: Redis;
  readonly store: ObjectStore;
  readonly logger: Logger;
}

/** See the head of this file. */
export interface Channels extends Closable {
  list(): readonly Channel[];
  byId(id: string): Channel | undefined;
  /** Calls back whenever a channel is new, has changed in anything, or is gone. */
  watch(onChange: (id: string) => void): void;
  /** Fills the mirror: with what is known here at once, from the store as soon as that answers. */
  restore(): Promise<void>;
}

/** Begins to follow the mirror. */
export async function openChannels(deps: ChannelsDeps): Promise<Channels> {
  const { redis, store, logger } = deps;
  const directory = await openChannelDirectory(deps);
  const stop = new AbortController();
  let filling: Promise<void> | undefined;

  const fillFromStore = async (): Promise<void> => {
    const ids = await listChannelRecords(store);
    const mirrored = new Set(await redis.hkeys(redisKeys.channels));
    for (const id of ids.filter((one) => !mirrored.has(one))) {
      await mirrorRecord(deps, id);
    }
  };

  return {
    list: () => directory.list(),
    byId: (id) => directory.byId(id),
    watch: (onChange) => {
      directory.watchAll(onChange);
    },
    restore: async () => {
      await fillMirror(redis, directory.list());
      filling ??= pRetry(fillFromStore, {
        retries: Infinity,
        factor: 1,
        minTimeout: RETRY_MS,
        signal: stop.signal,
        onFailedAttempt: ({ error }) => {
          logger.warn({ error }, 'channels not read from the store yet');
        },
      })
        // Only the end of the service ends it early.
        .catch(() => undefined)
        .finally(() => {
          filling = undefined;
        });
    },
    close: async () => {
      stop.abort();
      await filling;
      await directory.close();
    },
  };
}
