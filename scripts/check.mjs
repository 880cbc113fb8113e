/**
 * `npm run check`: types, lint, `npm test` and format, which is looked at beside the others. Every step runs, so that one
 * look shows all that is wrong.
 */
import './node-version.mjs';
import { join } from 'node:path';
import process from 'node:process';
import { run, runByLine } from './command.mjs';
import { preflight, ROOT } from './preflight.mjs';

await preflight('test');
const node = process.execPath;
const steps = [
  { name: 'types', program: node, args: ['scripts/types.mjs'] },
  { name: 'lint', program: binary('oxlint'), args: ['--deny-warnings'] },
  { name: 'test', program: node, args: ['scripts/test.mjs', ...process.argv.slice(2)] },
];
/** @type {string[]} */
const formatLines = [];
const format = runByLine(binary('prettier'), ['--check', '--log-level=warn', '.'], {
  cwd: ROOT,
  onLine: (line) => void formatLines.push(line),
});
const failed = [];
for (const { name, program, args } of steps) {
  console.log(`\n# ${name}`);
  if ((await run(program, args, { cwd: ROOT })) !== 0) {
    failed.push(name);
  }
}
console.log('\n# format');
if ((await format) !== 0) {
  failed.push('format');
}
formatLines.forEach((line) => console.log(line));
console.log(failed.length > 0 ? `\ncheck failed: ${failed.join(', ')}` : '\ncheck passed');
process.exitCode = failed.length > 0 ? 1 : 0;

/** @param {string} name */
function binary(name) {
  return join(ROOT, 'node_modules', '.bin', name);
}
