/** Prepares the store and ends: a step of its own where many machines start at once. */
import { parseConfig } from '../../common/config.ts';
import { toPipelineError } from '../../common/errors.ts';
import { createLogger } from '../../common/logger.ts';
import { prepareStore } from '../../common/store/prepare.ts';
import { prepareStoreSettings } from '../config.ts';

const logger = createLogger('scheduler', 'info');
try {
  const config = parseConfig(prepareStoreSettings, process.env);
  await prepareStore(config, config.RAW_RETENTION_DAYS, logger);
} catch (error) {
  logger.fatal({ error: toPipelineError(error) }, 'store cannot be prepared');
  process.exitCode = 1;
}
