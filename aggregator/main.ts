/** Starts the aggregator. */
import { runService } from '#common/service';
import { aggregatorSettings } from './config.ts';
import { startAggregator } from './start.ts';

await runService({
  service: 'aggregator',
  schema: aggregatorSettings,
  env: process.env,
  publicPort: (config) => config.ORIGIN_PORT,
  start: startAggregator,
});
