/** Entry point of the ingest service. */
import { QUEUES } from '#common/contracts/names';
import { openQueue } from '#common/queues';
import { runService } from '#common/service';
import { ingestSettings } from './config.ts';
import { startIngest } from './start.ts';

await runService({
  service: 'ingest',
  schema: ingestSettings,
  env: process.env,
  start: async (context) => {
    const { config, lifecycle, logger, redis } = context;
    const queue = lifecycle.own('chunks', openQueue(QUEUES.chunks, redis, logger));
    const ingest = lifecycle.own('ingest', await startIngest(config, { ...context, queue }));
    context.setDetail({ rtmpPort: ingest.port });
    context.setReady(true);
  },
});
