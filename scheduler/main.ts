/** Entry point of the scheduler. */
import { runService } from '#common/service';
import { schedulerSettings } from './config.ts';
import { startScheduler } from './scheduler.ts';

await runService({
  service: 'scheduler',
  schema: schedulerSettings,
  env: process.env,
  publicPort: (config) => config.CONTROL_PORT,
  start: async (context) => {
    await startScheduler(context);
  },
});
