/** Settings of the aggregator. */
import type { z } from 'zod';
import { baseSettings, portSetting, wholeNumber } from '#common/config';

/** See `.env.example`. */
export const aggregatorSettings = baseSettings.extend({
  ORIGIN_PORT: portSetting(8082),
  /** Published bytes kept in memory; half of it at most holds what the store does not have yet. */
  MEMORY_BYTES: wholeNumber(16 * 1024 ** 2, 64 * 1024 ** 3).default(256 * 1024 ** 2),
});
/** See {@link aggregatorSettings}. */
export type AggregatorConfig = Readonly<z.output<typeof aggregatorSettings>>;
