/** Chooses the store by the settings: S3 where `S3_ENDPOINT` is set, else a folder in `DATA_DIR`. */
import { join } from 'node:path';
import type { BaseConfig } from '../config.ts';
import { PipelineError } from '../errors.ts';
import { openFolderStore } from './folder.ts';
import type { S3Settings } from './s3-client.ts';
import type { ObjectStore } from './store.ts';

/** The S3 that the settings name; undefined where they name none. */
export function s3SettingsOf(config: BaseConfig): S3Settings | undefined {
  if (config.S3_ENDPOINT === undefined) {
    return undefined;
  }
  if (config.S3_ACCESS_KEY_ID === undefined || config.S3_SECRET_ACCESS_KEY === undefined) {
    throw new PipelineError(
      'BAD_CONFIG',
      'S3_ENDPOINT is set: set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY too',
    );
  }
  return {
    endpoint: config.S3_ENDPOINT,
    bucket: config.S3_BUCKET,
    region: config.S3_REGION,
    accessKeyId: config.S3_ACCESS_KEY_ID,
    secretAccessKey: config.S3_SECRET_ACCESS_KEY,
  };
}

/** Opens the store the settings name. */
export async function openStore(config: BaseConfig): Promise<ObjectStore> {
  const settings = s3SettingsOf(config);
  if (settings === undefined) {
    return openFolderStore(join(config.DATA_DIR, 'store'));
  }
  // The SDK takes a quarter of a second to load, which a folder store need not pay.
  const { openS3Store } = await import('./s3.ts');
  return openS3Store(settings);
}
