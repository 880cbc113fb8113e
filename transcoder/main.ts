/** Entry point of a transcoder worker. */
import { runService } from '#common/service';
import { transcoderSettings } from './config.ts';
import { startTranscoder } from './start.ts';

await runService({
  service: 'transcoder',
  schema: transcoderSettings,
  env: process.env,
  id: (config) => config.WORKER_ID,
  start: startTranscoder,
});
