/** Control's settings. */
import { z } from 'zod';
import { adminToken, baseSettings, portSetting, wholeNumber } from '#common/config';
import { channelIdSchema } from '#common/contracts/channel';

/** Of the step that prepares the store and ends. */
export const prepareStoreSettings = baseSettings.extend({
  /** Days that raw chunks are kept; S3 itself removes them. Unset: for ever. */
  RAW_RETENTION_DAYS: wholeNumber(1, 36_500).optional(),
});

/** See the README of this folder. */
export const controlSettings = prepareStoreSettings.extend({
  CONTROL_PORT: portSetting(8081),
  ADMIN_TOKEN: adminToken,
  BOOT_CHANNELS: z
    .string()
    .default('main')
    .transform((list) => list.split(',').map((id) => id.trim()))
    .pipe(z.array(channelIdSchema)),
});
/** See {@link controlSettings}. */
export type ControlConfig = z.output<typeof controlSettings>;
