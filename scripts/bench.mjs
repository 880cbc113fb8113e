/** `npm run bench [name …] [-- options of the one named]`: preflight, build, then the benchmarks of `bench/`, or those named. */
import './node-version.mjs';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { benchArguments } from './bench-arguments.mjs';
import { buildIfStale } from './build.mjs';
import { run } from './command.mjs';
import { preflight, ROOT } from './preflight.mjs';

const ENDING = '.bench.ts';

const folder = join(ROOT, 'bench');
const known = (existsSync(folder) ? readdirSync(folder) : [])
  .filter((name) => name.endsWith(ENDING))
  .map((name) => name.slice(0, -ENDING.length))
  .sort();
/** @type {ReturnType<typeof benchArguments>} */
let wanted;
try {
  wanted = benchArguments(process.argv.slice(2), known);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(2);
}
await preflight('bench');
if (!(await buildIfStale())) {
  process.exit(1);
}
for (const name of wanted.names) {
  console.log(`\n# ${name}`);
  const args = ['--import', 'tsx', join(folder, `${name}${ENDING}`), ...wanted.options];
  const code = await run(process.execPath, args, { cwd: ROOT });
  process.exitCode = Math.max(Number(process.exitCode ?? 0), code);
}
