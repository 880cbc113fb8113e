/** Entry point of control: the control API and the control room. */
import { runService } from '#common/service';
import { controlSettings } from './config.ts';
import { startControl } from './start.ts';

await runService({
  service: 'control',
  schema: controlSettings,
  env: process.env,
  publicPort: (config) => config.CONTROL_PORT,
  start: async (context) => {
    await startControl(context);
  },
});
