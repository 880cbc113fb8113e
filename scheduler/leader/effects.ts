/** What follows from a channel's log: jobs for workers and the origin, records in the store, word to ingest. */
import { QUEUES, redisKeys } from '../../common/contracts/names.ts';
import {
  publishedSchema,
  type Broadcast,
  type SegmentJob,
} from '../../common/contracts/segment.ts';
import type { Closable } from '../../common/lifecycle.ts';
import type { Logger } from '../../common/logger.ts';
import { openQueue } from '../../common/queues.ts';
import type { Redis } from '../../common/redis.ts';
import type { ObjectStore } from '../../common/store/store.ts';
import type { FpsName } from '../../common/grid.ts';
import { schedulerKeys } from '../keys.ts';
import { lastCommit, openBroadcastWriter, readBroadcasts } from './broadcast-records.ts';
import type { Effects } from './channel-runner.ts';
import type { TranscodeQueue } from './transcode-queue.ts';

/** Entries of the published stream that a new leader looks at: more than a log's checkpoint is old. */
const PUBLISHED_READ = 500;

/** What effects act upon. */
export interface EffectsDeps {
  readonly redis: Redis;
  readonly store: ObjectStore;
  readonly logger: Logger;
  readonly transcode: Pick<TranscodeQueue, 'add'>;
  readonly catalogue: { decideFps(channel: string, fps: FpsName): Promise<void> };
}

/** Opens the effects of one leadership. */
export function openEffects(deps: EffectsDeps): Effects & Closable {
  const { redis, store, logger, transcode, catalogue } = deps;
  const segments = openQueue(QUEUES.segments, redis, logger);
  const writer = openBroadcastWriter(store, logger);

  const tell = async (type: 'start' | 'end', broadcast: Broadcast): Promise<void> => {
    writer.write(broadcast);
    const job: SegmentJob = { type, broadcast };
    const jobId = `${type}-${broadcast.channel}-${broadcast.broadcast}`;
    await segments.add(type, job, { jobId });
  };

  return {
    start: async (broadcast) => {
      await redis.hset(schedulerKeys.air, broadcast.channel, JSON.stringify(broadcast));
      await tell('start', broadcast);
    },
    segment: (task) => transcode.add(task),
    end: async (broadcast) => {
      await tell('end', broadcast);
      await redis.hdel(schedulerKeys.air, broadcast.channel);
    },
    decideFps: async (channel, fps) => {
      try {
        await catalogue.decideFps(channel, fps);
      } catch (error) {
        logger.warn({ error, channel, fps }, 'frame rate not kept yet');
      }
    },
    dropFeed: async (channel) => {
      await redis.publish(redisKeys.dropFeed, channel);
    },
    settle: async (channel) => {
      await redis.hdel(schedulerKeys.air, channel);
      const [newest] = await readBroadcasts(store, channel, 1);
      if (newest === undefined) {
        return 0;
      }
      const last = newest.last ?? (await lastCommit(store, newest)) ?? newest.broadcast - 1;
      if (newest.last === null) {
        logger.warn({ channel, broadcast: newest.broadcast, last }, 'lost broadcast ended');
        await tell('end', { ...newest, last: Math.max(0, last) });
      }
      return Math.max(last, newest.broadcast) + 1;
    },
    published: async (channel) => {
      const entries = await redis.xrevrange(
        redisKeys.published(channel),
        '+',
        '-',
        'COUNT',
        PUBLISHED_READ,
      );
      return new Set(
        entries.map(([, fields]) => publishedSchema.parse(JSON.parse(fields[1] ?? 'null')).n),
      );
    },
    close: async () => {
      await writer.close();
      await segments.close();
    },
  };
}
