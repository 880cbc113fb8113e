/** `npm run types`: the services, tests and scripts, then the pages, which are for browsers and have their own rules. */
import './node-version.mjs';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { run } from './command.mjs';
import { ROOT } from './preflight.mjs';

const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const projects = [
  'tsconfig.json',
  join('player', 'tsconfig.json'),
  join('control', 'room', 'tsconfig.json'),
];
for (const project of projects.filter((path) => existsSync(join(ROOT, path)))) {
  const code = await run(process.execPath, [tsc, '--noEmit', '-p', project], { cwd: ROOT });
  process.exitCode = Math.max(Number(process.exitCode ?? 0), code);
}
