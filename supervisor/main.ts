/** The whole pipeline on one machine: `npm start [-- --demo]`. */
import { resolve } from 'node:path';
import { parseConfig } from '../common/config.ts';
import { PipelineError } from '../common/errors.ts';
import { supervisorSettings } from './config.ts';
import { stopSignal } from './stop.ts';
import { runSupervisor } from './supervisor.ts';

const signal = stopSignal(process.env['npm_lifecycle_event'] !== undefined);
// Whoever read our output may go away first.
process.stdout.on('error', () => undefined);
try {
  await runSupervisor(parseConfig(supervisorSettings, process.env), {
    env: process.env,
    hasDemo: process.argv.includes('--demo'),
    programs: resolve(import.meta.dirname, '..'),
    print: (text) => {
      process.stdout.write(`${text}\n`);
    },
    signal,
  });
} catch (error) {
  process.stderr.write(`${error instanceof PipelineError ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
