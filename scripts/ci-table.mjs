/**
 * `npm run ci-table -- --runs 10 --burnt 5 [--page docs/ci.md] [--minutes 45]`: `.ci/run` of clean clones of the current
 * commit, some of them beside a process that burns one whole core. Each run adds its row to the page as it ends, and rows
 * that are there already count: what was interrupted goes on later. A run that takes too long is ended and is a failure.
 */
import './node-version.mjs';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { addRow, missingRuns, rowOf } from './ci-rows.mjs';
import { capture } from './command.mjs';
import { ROOT } from './preflight.mjs';

/** @typedef {import('./ci-rows.mjs').Kind} Kind */

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    burnt: { type: 'string', default: '5' },
    page: { type: 'string', default: join('docs', 'ci.md') },
    minutes: { type: 'string', default: '45' },
  },
});
const wanted = { runs: Number(values.runs), burnt: Number(values.burnt) };
const page = resolve(ROOT, values.page);
const limitMs = Number(values.minutes) * 60_000;

const { code, output } = await capture('git', ['-C', ROOT, 'rev-parse', '--short=10', 'HEAD']);
if (code !== 0) {
  console.error(`git does not know the commit: ${output}`);
  process.exit(1);
}
const commit = output.trim();
const read = () => (existsSync(page) ? readFileSync(page, 'utf8') : '');
const kinds = missingRuns(read(), commit, wanted);
console.log(`${kinds.length} runs of ${commit} to go: ${kinds.join(', ')}`);
for (const kind of kinds) {
  const row = rowOf(await runOnce(kind));
  console.log(row);
  writeFileSync(page, addRow(read(), row));
  process.exitCode = row.includes(' 0 failed') ? process.exitCode : 1;
}

/**
 * One run in a clone of its own, with temporary files of its own, so that no run finds what an earlier one left.
 * @param {Kind} kind
 * @returns {Promise<import('./ci-rows.mjs').Run>}
 */
async function runOnce(kind) {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-ci-'));
  // A clone that only its owner may enter is not what others have: a test runs the supervisor as another user.
  chmodSync(folder, 0o755);
  const clone = join(folder, 'clone');
  const temporary = join(folder, 'tmp');
  const log = join(tmpdir(), `touchline-ci-${commit}-${Date.now()}.log`);
  mkdirSync(temporary);
  const cloned = await capture('git', ['clone', '--quiet', ROOT, clone], { timeoutMs: 120_000 });
  if (cloned.code !== 0) {
    throw new Error(`git clone failed: ${cloned.output}`);
  }
  const burner = kind === 'burnt' ? spawn(process.execPath, ['-e', 'for (;;) {}']) : undefined;
  const stopBurning = () => void burner?.kill('SIGKILL');
  process.once('exit', stopBurning);
  const at = new Date();
  const loads = [loadavg()[0] ?? 0];
  const sampling = setInterval(() => loads.push(loadavg()[0] ?? 0), 10_000);
  try {
    const result = await runWhole(clone, temporary, log);
    const hasFailed = !result.endsWith(' 0 failed');
    console.log(`${result}${hasFailed ? `; its output: ${log}` : ''}`);
    if (!hasFailed) {
      rmSync(log);
    }
    return {
      commit,
      at,
      kind,
      result,
      minutes: (Date.now() - at.getTime()) / 60_000,
      load: loads.reduce((sum, load) => sum + load, 0) / loads.length,
      cores: availableParallelism(),
      node: process.versions.node,
    };
  } finally {
    clearInterval(sampling);
    stopBurning();
    process.off('exit', stopBurning);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * `.ci/run` to its end, or to the limit.
 * @param {string} clone
 * @param {string} temporary
 * @param {string} log
 * @returns {Promise<string>} its last line, or why there is none
 */
function runWhole(clone, temporary, log) {
  return new Promise((done) => {
    // A group of its own: it is ended whole, with all that it has started.
    const child = spawn(join(clone, '.ci', 'run'), [], {
      cwd: clone,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: temporary },
    });
    const file = createWriteStream(log);
    let tail = '';
    /** @param {Buffer} chunk */
    const take = (chunk) => {
      file.write(chunk);
      tail = (tail + chunk.toString('utf8')).slice(-2_000);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    let isOver = false;
    const end = () => {
      if (child.pid !== undefined && !isOver) {
        process.kill(-child.pid, 'SIGKILL');
      }
    };
    process.once('exit', end);
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
      process.once(signal, () => process.exit(1));
    }
    let isTooLong = false;
    const timer = setTimeout(() => {
      isTooLong = true;
      end();
    }, limitMs);
    child.on('error', (error) => {
      tail += `\n${error.message}`;
    });
    child.on('close', () => {
      isOver = true;
      clearTimeout(timer);
      process.off('exit', end);
      file.end();
      const last = tail.trim().split('\n').at(-1) ?? '';
      done(isTooLong ? `ended after ${values.minutes} minutes` : last);
    });
  });
}
