/** The edge's process. */
import { runService } from '#common/service';
import { edgeSettings } from './config.ts';
import { startEdge } from './start.ts';

await runService({
  service: 'edge',
  schema: edgeSettings,
  env: process.env,
  id: (config) => config.EDGE_ID,
  publicPort: (config) => config.HTTP_PORT,
  start: async (context) => {
    await startEdge(context);
  },
});
