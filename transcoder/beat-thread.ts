/** The thread of {@link startBeats}. */
import { workerData } from 'node:worker_threads';
import { redisKeys } from '#common/contracts/names';
import { BEAT_MS } from '#common/contracts/worker-beats';
import { createLogger } from '#common/logger';
import { connectRedis } from '#common/redis';
import type { BeatsSettings } from './beats.ts';

const { url, worker, logLevel } = workerData as BeatsSettings;
const logger = createLogger('transcoder', logLevel);
const redis = connectRedis(url, 'transcoder:beats', logger);

let isBeating = false;
setInterval(() => {
  if (!isBeating) {
    isBeating = true;
    redis
      .publish(redisKeys.workerBeats, worker)
      .catch((error: unknown) => {
        logger.debug({ error }, 'not beaten');
      })
      .finally(() => {
        isBeating = false;
      });
  }
}, BEAT_MS);
