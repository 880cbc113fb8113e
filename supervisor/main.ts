/** The whole pipeline on one machine: `npm start [-- --demo]`. */
import { resolve } from 'node:path';
import { PipelineError } from '#common/errors';
import { parseAllSettings } from './service-schemas.ts';
import { stopSignal } from './stop.ts';
import { runSupervisor } from './supervisor.ts';

/** The exit code that means "this cannot run so; the message says why"; 3 is the preflight's. */
const EXIT_CANNOT_RUN = 1;

const signal = stopSignal(process.env['npm_lifecycle_event'] !== undefined);
// Whoever read our output may go away first.
process.stdout.on('error', () => undefined);
try {
  await runSupervisor(parseAllSettings(process.env), {
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
  process.exitCode = EXIT_CANNOT_RUN;
}
