/**
 * `npm run check:node -- 24 [jest arguments]`: the tests on another version of Node, whose binary comes from npm's
 * package for this platform into a cache folder; nothing of the project depends on it.
 */
import './node-version.mjs';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { capture, run } from './command.mjs';
import { isNodeSupported } from './node-version.mjs';
import { ROOT } from './preflight.mjs';

const [version = '', ...rest] = process.argv.slice(2);
if (!/^\d+(\.\d+){0,2}$/.test(version)) {
  console.error('say which Node: npm run check:node -- 24 [jest arguments]');
  process.exit(2);
}
const system = process.platform === 'win32' ? 'win' : process.platform;
const name = `node-${system}-${process.arch}`;
const folder = join(ROOT, 'node_modules', '.cache', 'touchline', `node-${version}`);
const bin = join(folder, 'node_modules', name, 'bin');
const node = join(bin, process.platform === 'win32' ? 'node.exe' : 'node');

if (!existsSync(node)) {
  console.log(`Fetching ${name}@${version} …`);
  mkdirSync(folder, { recursive: true });
  const args = [
    'install',
    '--prefix',
    folder,
    '--no-save',
    '--no-package-lock',
    '--ignore-scripts',
  ];
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd: folder };
  if ((await run('npm', [...args, ...quiet, `${name}@${version}`], options)) !== 0) {
    console.error(`npm has no ${name}@${version} for us; its message above says why`);
    process.exit(1);
  }
}
const { output } = await capture(node, ['--version']);
const running = output.trim().replace(/^v/, '');
if (!isNodeSupported(running)) {
  console.error(`Node ${running || version} does not run here, or is none that Touchline supports`);
  process.exit(1);
}
console.log(`Testing on Node ${running}`);
process.exitCode = await run(node, [join(ROOT, 'scripts', 'test.mjs'), ...rest], {
  cwd: ROOT,
  // What tests start by name is that version, too.
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
});
