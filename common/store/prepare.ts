/** Makes the store that the settings name ready for use: in S3 the bucket and its lifecycle, in a folder nothing. */
import type { BaseConfig } from '../config.ts';
import type { Logger } from '../logger.ts';
import { s3SettingsOf } from './open.ts';

/**
 * Prepares the store; may be done at any time, again, and by several services at once.
 * @param rawRetentionDays days after which raw chunks expire; undefined keeps them
 * @throws PipelineError `BAD_CONFIG` naming the setting when we may not, `STORE_FAILED` when the store is away
 */
export async function prepareStore(
  config: BaseConfig,
  rawRetentionDays: number | undefined,
  logger: Logger,
): Promise<void> {
  const settings = s3SettingsOf(config);
  if (settings === undefined) {
    if (rawRetentionDays !== undefined) {
      logger.warn('RAW_RETENTION_DAYS needs S3: the folder keeps raw chunks for ever');
    }
    return;
  }
  // MinIO's client takes a moment to load, which a folder store need not pay.
  const { prepareBucket } = await import('./s3-admin.ts');
  const { isBucketNew, hasLifecycleChanged } = await prepareBucket(settings, { rawRetentionDays });
  if (isBucketNew || hasLifecycleChanged) {
    logger.info({ bucket: settings.bucket, isBucketNew, rawRetentionDays }, 'bucket prepared');
  }
}
