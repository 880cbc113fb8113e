/** `npm start`: preflight, build if a source changed, then the supervisor in this very process. */
import './node-version.mjs';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { buildIfStale } from './build.mjs';
import { preflight, ROOT } from './preflight.mjs';

const settings = join(ROOT, '.env');
if (existsSync(settings)) {
  process.loadEnvFile(settings);
}
await preflight('run');
if (!(await buildIfStale())) {
  console.error('the build failed; its messages above say why');
  process.exit(1);
}
await import(pathToFileURL(join(ROOT, 'dist', 'supervisor', 'main.js')).href);
