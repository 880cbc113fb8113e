/** The scheduler's settings. */
import { z } from 'zod';
import { adminToken, anyNumber, baseSettings, portSetting, wholeNumber } from '#common/config';
import { channelIdSchema } from '#common/contracts/channel';
import { fromSeconds } from '#common/time';

const retention = {
  /** Days that raw chunks are kept; S3 itself removes them. Unset: for ever. */
  RAW_RETENTION_DAYS: wholeNumber(1, 36_500).optional(),
};

/** Of the step that prepares the store and ends. */
export const prepareStoreSettings = baseSettings.extend(retention);

/** See the README of this folder. */
export const schedulerSettings = prepareStoreSettings
  .extend({
    CONTROL_PORT: portSetting(8081),
    ADMIN_TOKEN: adminToken,
    BOOT_CHANNELS: z
      .string()
      .default('main')
      .transform((list) => list.split(',').map((id) => id.trim()))
      .pipe(z.array(channelIdSchema)),
    CLOSE_AFTER_SECONDS: anyNumber(0.1, 30).optional(),
  })
  .transform((settings) => ({
    ...settings,
    /** Undefined: what the channel's profile promises. */
    closeAfter:
      settings.CLOSE_AFTER_SECONDS === undefined
        ? undefined
        : fromSeconds(settings.CLOSE_AFTER_SECONDS),
  }));
/** See {@link schedulerSettings}. */
export type SchedulerConfig = z.output<typeof schedulerSettings>;
