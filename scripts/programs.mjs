/** The programs Touchline runs, found by what they can do and not by where they come from. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { capture } from './command.mjs';

const ENCODERS = ['libx264', 'aac'];
const MUXERS = ['mp4', 'flv', 'adts'];
const FILTERS = ['fps', 'tpad', 'scale', 'split'];
const OLDEST_REDIS = [6, 2];

const CHROMIUMS = [
  process.env.CHROMIUM_PATH || '',
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].filter((name) => name !== '');

/**
 * The names in one of ffmpeg's lists (`-encoders`, `-muxers`, `-filters`): the word after each line's flags.
 * @param {string} list
 * @returns {Set<string>}
 */
export function namesInFfmpegList(list) {
  const names = new Set();
  for (const line of list.split('\n')) {
    const words = line.trim().split(/\s+/);
    for (const name of (words[1] ?? '').split(',')) {
      names.add(name);
    }
  }
  return names;
}

/**
 * The first version number in a program's answer.
 * @param {string} text for example `Redis server v=7.0.15 sha=00000000`
 * @returns {number[] | undefined}
 */
export function parseVersion(text) {
  const found = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return found === null ? undefined : found.slice(1).map((part) => Number(part ?? 0));
}

/**
 * Whether one version is at least another.
 * @param {readonly number[]} version
 * @param {readonly number[]} oldest
 * @returns {boolean}
 */
export function isAtLeast(version, oldest) {
  for (const [index, wanted] of oldest.entries()) {
    const part = version[index] ?? 0;
    if (part !== wanted) {
      return part > wanted;
    }
  }
  return true;
}

/**
 * @typedef {object} Finding
 * @property {string} name
 * @property {boolean} isThere
 * @property {string} detail what was found, or what is missing
 * @property {string | undefined} [path] the file that was found and will not do
 * @property {readonly string[]} apt Debian packages that bring it
 * @property {readonly string[]} brew Homebrew formulas that bring it
 */

/**
 * Where a name on `PATH` leads: the file that runs, which may not be the one that was installed last.
 * @param {string} program
 * @returns {string | undefined}
 */
export function whereIs(program) {
  const folders = program.includes('/') ? [''] : (process.env.PATH ?? '').split(delimiter);
  return folders
    .map((folder) => (folder === '' ? program : join(folder, program)))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return statSync(path).isFile();
      } catch {
        return false;
      }
    });
}

/** @returns {Promise<Finding>} */
async function findFfmpeg() {
  const program = process.env.FFMPEG?.trim() || 'ffmpeg';
  const [version, encoders, muxers, filters] = await Promise.all(
    ['-version', '-encoders', '-muxers', '-filters'].map((list) =>
      capture(program, ['-hide_banner', list]),
    ),
  );
  const base = { name: 'ffmpeg', apt: ['ffmpeg'], brew: ['ffmpeg'] };
  if (version?.code !== 0) {
    return { ...base, isThere: false, detail: 'not found' };
  }
  const missing = [
    ...absent('encoder', ENCODERS, encoders?.output),
    ...absent('muxer', MUXERS, muxers?.output),
    ...absent('filter', FILTERS, filters?.output),
  ];
  return missing.length > 0
    ? { ...base, isThere: false, detail: `lacks ${missing.join(', ')}`, path: whereIs(program) }
    : { ...base, isThere: true, detail: version.output.split(' ').slice(0, 3).join(' ') };
}

/**
 * @param {string} kind
 * @param {readonly string[]} wanted
 * @param {string | undefined} list
 * @returns {string[]}
 */
function absent(kind, wanted, list) {
  const names = namesInFfmpegList(list ?? '');
  return wanted.filter((name) => !names.has(name)).map((name) => `${kind} ${name}`);
}

/** @returns {Promise<Finding>} */
async function findFfprobe() {
  const { code } = await capture('ffprobe', ['-hide_banner', '-version']);
  const detail = code === 0 ? 'there' : 'not found';
  return { name: 'ffprobe', isThere: code === 0, detail, apt: ['ffmpeg'], brew: ['ffmpeg'] };
}

/** @returns {Promise<Finding>} */
async function findRedis() {
  const { code, output } = await capture('redis-server', ['--version']);
  const version = code === 0 ? parseVersion(output) : undefined;
  const base = { name: 'redis-server', apt: ['redis-server'], brew: ['redis'] };
  if (version === undefined) {
    return { ...base, isThere: false, detail: 'not found' };
  }
  const isThere = isAtLeast(version, OLDEST_REDIS);
  const found = `version ${version.join('.')}`;
  return isThere
    ? { ...base, isThere, detail: found }
    : {
        ...base,
        isThere,
        detail: `${found} is too old, needs ${OLDEST_REDIS.join('.')} or newer`,
        path: whereIs('redis-server'),
      };
}

/** @returns {Promise<Finding>} */
async function findChromium() {
  const base = {
    name: 'chromium',
    apt: ['chromium', 'fonts-dejavu-core'],
    brew: ['--cask', 'chromium'],
  };
  for (const program of CHROMIUMS) {
    const { code, output } = await capture(program, ['--version']);
    if (code === 0) {
      return { ...base, isThere: true, detail: output.trim().split('\n').pop() ?? program };
    }
  }
  return { ...base, isThere: false, detail: 'not found' };
}

/**
 * Ceph's S3 server, which the tests of the S3 store run against. It is packaged for Linux only; elsewhere those
 * tests are left out.
 * @returns {Promise<Finding[]>}
 */
async function findRadosgw() {
  if (process.platform !== 'linux') {
    return [];
  }
  const programs = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph'];
  const answers = await Promise.all(programs.map((program) => capture(program, ['--version'])));
  const absent = programs.filter((_program, index) => answers[index]?.code !== 0);
  const isThere = absent.length === 0;
  const detail = isThere ? (answers[2]?.output.trim() ?? 'there') : `lacks ${absent.join(', ')}`;
  const apt = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph-common'];
  return [{ name: 'radosgw', isThere, detail, apt, brew: [] }];
}

/**
 * A program that is there when it can be started at all.
 * @param {string} name
 * @param {readonly string[]} args
 * @param {{ apt: readonly string[], brew: readonly string[] }} packages
 * @returns {Promise<Finding>}
 */
async function findStartable(name, args, packages) {
  const { output } = await capture(name, args);
  const isThere = output !== '';
  return { name, isThere, detail: isThere ? 'there' : 'not found', ...packages };
}

/** What benchmarks compare with and measure by. */
const findReferences = () => [
  findStartable('nginx', ['-v'], { apt: ['nginx-light'], brew: ['nginx'] }),
  findStartable('wrk', ['-v'], { apt: ['wrk'], brew: ['wrk'] }),
];

/**
 * Looks for every program.
 * @param {'run' | 'test' | 'bench'} purpose tests drive a browser and an S3 server, too; benchmarks compare with others
 * @returns {Promise<Finding[]>}
 */
export async function findPrograms(purpose) {
  const searches = [findFfmpeg(), findFfprobe(), findRedis()];
  if (purpose === 'run') {
    return Promise.all(searches);
  }
  if (purpose === 'bench') {
    return Promise.all([...searches, ...findReferences()]);
  }
  const [found, radosgw] = await Promise.all([
    Promise.all([...searches, findChromium()]),
    findRadosgw(),
  ]);
  return [...found, ...radosgw];
}
