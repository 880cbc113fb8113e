/** Settings of the aggregator. */
import { z } from 'zod';
import { baseSettings, portSetting } from '../common/config.ts';

/** See `.env.example`. */
export const aggregatorSettings = baseSettings.extend({
  ORIGIN_PORT: portSetting(8082),
  /** Published bytes kept in memory; half of it at most holds what the store does not have yet. */
  MEMORY_BYTES: z.coerce
    .number()
    .int()
    .min(16 * 1024 ** 2)
    .default(256 * 1024 ** 2),
});
/** See {@link aggregatorSettings}. */
export type AggregatorConfig = Readonly<z.output<typeof aggregatorSettings>>;
