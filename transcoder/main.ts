/** Entry point of a transcoder worker. */
import { runService } from '#common/service';
import { transcoderSettings } from './config.ts';
import { startWorker } from './worker.ts';

await runService({
  service: 'transcoder',
  schema: transcoderSettings,
  env: process.env,
  id: (config) => config.WORKER_ID,
  start: async (context) => {
    context.lifecycle.own('worker', await startWorker(context));
    context.setReady(true);
  },
});
