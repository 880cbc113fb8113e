/** Entry point of a transcoder worker. */
import { runService } from '../common/service.ts';
import { transcoderSettings } from './config.ts';
import { startWorker } from './worker.ts';

await runService({
  service: 'transcoder',
  schema: transcoderSettings,
  env: process.env,
  id: (config) => config.WORKER_ID ?? `w${process.pid.toString(36)}${Date.now().toString(36)}`,
  start: async (context) => {
    context.lifecycle.own('worker', await startWorker(context.config, context));
    context.setReady(true);
  },
});
