/** `npm run bench [name …]`: preflight, build, then the benchmarks of `bench/`, or those named. */
import './node-version.mjs';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { buildIfStale } from './build.mjs';
import { run } from './command.mjs';
import { preflight, ROOT } from './preflight.mjs';

await preflight('bench');
if (!(await buildIfStale())) {
  process.exit(1);
}
const folder = join(ROOT, 'bench');
const wanted = process.argv.slice(2);
const files = (existsSync(folder) ? readdirSync(folder) : [])
  .filter((name) => name.endsWith('.bench.ts'))
  .filter((name) => wanted.length === 0 || wanted.includes(name.replace('.bench.ts', '')))
  .sort();
for (const file of files) {
  console.log(`\n# ${file}`);
  const code = await run(process.execPath, ['--import', 'tsx', join(folder, file)], { cwd: ROOT });
  process.exitCode = Math.max(Number(process.exitCode ?? 0), code);
}
