/** Prepares the store and ends: a step of its own where many machines start at once. */
import pRetry from 'p-retry';
import { parseConfig } from '#common/config';
import { isRetryable, toPipelineError } from '#common/errors';
import { createLogger } from '#common/logger';
import { prepareStore } from '#common/store/prepare';
import { prepareStoreSettings } from '../config.ts';

const logger = createLogger('prepare-store', 'info');
try {
  const config = parseConfig(prepareStoreSettings, process.env);
  // The store may be starting at this very moment, too.
  await pRetry(() => prepareStore(config, config.RAW_RETENTION_DAYS, logger), {
    retries: 60,
    minTimeout: 500,
    factor: 1,
    shouldRetry: ({ error }) => isRetryable(toPipelineError(error).code),
  });
  logger.info('store is ready');
} catch (error) {
  logger.fatal({ error: toPipelineError(error) }, 'store cannot be prepared');
  process.exitCode = 1;
}
