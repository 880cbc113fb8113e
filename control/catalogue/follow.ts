/** Keeps a control's catalogue up to date: with other controls' changes, and with the frame rates that feeds decide. */
import { fpsSchema } from '#common/contracts/channel';
import { redisKeys } from '#common/contracts/names';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import type { Catalogue } from './catalogue.ts';

/** What is followed; `subscriber` is a connection of its own. */
export interface FollowDeps {
  readonly redis: Redis;
  readonly subscriber: Redis;
  readonly logger: Logger;
}

/** Follows for as long as the subscriber's connection is open. */
export async function followCatalogue(
  catalogue: Catalogue,
  { redis, subscriber, logger }: FollowDeps,
): Promise<void> {
  const deciding = new Set<string>();

  const keepFps = async (id: string): Promise<void> => {
    const noted = fpsSchema.safeParse(await redis.hget(redisKeys.detectedFps, id));
    if (noted.success && !deciding.has(id)) {
      deciding.add(id);
      try {
        await catalogue.decideFps(id, noted.data);
      } finally {
        deciding.delete(id);
      }
    }
  };

  subscriber.on('message', (topic: string, id: string) => {
    if (topic === redisKeys.fpsDecided) {
      // The leader says so again with each segment until it is kept.
      keepFps(id).catch((error: unknown) => {
        logger.warn({ error, channel: id }, 'frame rate not kept yet');
      });
      return;
    }
    catalogue.refresh(id).catch((error: unknown) => {
      logger.warn({ error, channel: id }, 'channel not refreshed');
    });
  });
  await subscriber.subscribe(redisKeys.channelChanged, redisKeys.fpsDecided);
  // Notices that came while the connection was gone are lost.
  subscriber.on('ready', () => {
    catalogue.catchUp().catch((error: unknown) => {
      logger.warn({ error }, 'channels not read again');
    });
  });
}
