/**
 * `npm test [-- jest arguments]`: preflight, build, then jest. `TEST_RESULTS` names a file for jest's results as JSON.
 */
import './node-version.mjs';
import { join } from 'node:path';
import process from 'node:process';
import { buildIfStale } from './build.mjs';
import { run } from './command.mjs';
import { preflight, ROOT } from './preflight.mjs';

await preflight('test');
if (!(await buildIfStale())) {
  console.error('the build failed; its messages above say why');
  process.exit(1);
}
const results = process.env.TEST_RESULTS;
const args = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js'),
  ...(results === undefined ? [] : ['--json', `--outputFile=${results}`]),
  ...process.argv.slice(2),
];
process.exitCode = await run(process.execPath, args, {
  cwd: ROOT,
  env: {
    ...process.env,
    NODE_OPTIONS:
      `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`.trim(),
  },
});
