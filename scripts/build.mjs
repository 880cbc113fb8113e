/**
 * `npm run build`: the services to `dist/`, then the bundles of player and control room. {@link buildIfStale} does it only when a source is
 * not the one that was built last.
 */
import './node-version.mjs';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { run } from './command.mjs';
import { ROOT } from './preflight.mjs';
import { buildServices } from './services-build.mjs';

const SOURCES = [
  'common',
  'ingest',
  'scheduler',
  'control',
  'transcoder',
  'aggregator',
  'edge',
  'player',
  'supervisor',
  'demo',
  'scripts/pages-build.mjs',
  'scripts/services-build.mjs',
  'tsconfig.json',
  'package-lock.json',
];
/** Folders with pages for browsers, each with a build of its own. */
const PAGES = ['player', join('control', 'room')];
/** What those builds write beside their sources. */
const OUTPUT = /^dist(\.\d+)?$/;
const STAMP = join(ROOT, 'dist', '.built');

/**
 * Builds everything.
 * @returns {Promise<boolean>} whether it succeeded
 */
export async function build() {
  const fingerprint = fingerprintSources();
  if (!(await buildServices())) {
    return false;
  }
  for (const pages of PAGES) {
    if ((await run(process.execPath, [join(ROOT, pages, 'build.mjs')], { cwd: ROOT })) !== 0) {
      return false;
    }
  }
  writeFileSync(STAMP, fingerprint);
  return true;
}

/**
 * Builds when a source was added, changed or removed since the last build.
 * @returns {Promise<boolean>} whether `dist/` is up to date now
 */
export async function buildIfStale() {
  const hasPages = PAGES.every((pages) => existsSync(join(ROOT, pages, 'dist', 'manifest.json')));
  const built = hasPages && existsSync(STAMP) ? readFileSync(STAMP, 'utf8') : '';
  if (built === fingerprintSources()) {
    return true;
  }
  console.log('Building …');
  return build();
}

/** @returns {string} a hash over every source file's path, size and time of change */
function fingerprintSources() {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    addTo(hash, join(ROOT, source));
  }
  return hash.digest('hex');
}

/**
 * @param {import('node:crypto').Hash} hash
 * @param {string} path
 */
function addTo(hash, path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    return;
  }
  if (!found.isDirectory()) {
    hash.update(`${path}\0${found.size}\0${found.mtimeMs}\n`);
    return;
  }
  for (const name of readdirSync(path).sort()) {
    if (!OUTPUT.test(name)) {
      addTo(hash, join(path, name));
    }
  }
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = (await build()) ? 0 : 1;
}
