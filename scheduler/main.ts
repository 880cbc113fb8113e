/** Entry point of the scheduler. */
import { runService } from '#common/service';
import { schedulerSettings } from './config.ts';
import { startScheduler } from './start.ts';

await runService({
  service: 'scheduler',
  schema: schedulerSettings,
  env: process.env,
  start: startScheduler,
});
