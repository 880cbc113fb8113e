/** The scheduler's settings. */
import { z } from 'zod';
import { anyNumber, baseSettings } from '#common/config';
import { fromSeconds } from '#common/time';

/** See the README of this folder. */
export const schedulerSettings = baseSettings
  .extend({
    CLOSE_AFTER_SECONDS: anyNumber(0.1, 30).optional(),
    LATE_AFTER_PARTS: anyNumber(0.1, 100).default(0.5),
    ON_OVERLOAD: z.enum(['shed', 'lag'], { error: 'must be shed or lag' }).default('shed'),
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
