/** What a worker has made, told and stored: the result at once, the objects behind it, and that they are there. */
import { QUEUES } from '#common/contracts/names';
import type { Result, SegmentJob } from '#common/contracts/segment';
import type { Closable } from '#common/lifecycle';
import { openQueue } from '#common/queues';
import type { ServiceContext } from '#common/service';
import type { TranscoderConfig } from './config.ts';
import type { Transcoded } from './transcode.ts';
import { openWriteBehind } from './write-behind.ts';

/** See the head of this file. */
export interface Results extends Closable {
  /** Resolves once the result is told. */
  add(result: Result, made: Transcoded): Promise<void>;
}

/** Opens the way out. */
export function openResults({
  redis,
  store,
  logger,
}: Pick<ServiceContext<TranscoderConfig>, 'redis' | 'store' | 'logger'>): Results {
  const queue = openQueue(QUEUES.segments, redis, logger);
  const tell = async (type: 'done' | 'stored', result: Result): Promise<void> => {
    const { channel, n, worker } = result;
    // A task done again is told again: its bytes lie under new ids of the hot stream.
    const run = result.made[0]?.hotId ?? '0';
    const job: SegmentJob = { type, result };
    await queue.add(type, job, { jobId: `${type}-${channel}-${n}-${worker}-${run}` });
  };
  const behind = openWriteBehind(store, logger, (result) => tell('stored', result));
  return {
    add: async (result, made) => {
      await tell('done', result);
      behind.add({ result, made });
    },
    close: async () => {
      await behind.close();
      await queue.close();
    },
  };
}
