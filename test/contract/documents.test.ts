/** What documents name is there: files, commands, sections, settings and the codes of warnings. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { baseSettings } from '#common/config';
import { SERVICES, settingsOf } from '../helpers/service-settings.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Folders that hold nothing of ours. */
const FOREIGN = /^(?:\.git|node_modules|data|coverage|dist(?:\..*)?)$/;

/** Files below a folder, as paths in the project. */
function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (FOREIGN.test(entry.name)) {
      return [];
    }
    const path = posix.join(folder.split(sep).join('/'), entry.name);
    return entry.isDirectory() ? filesIn(path) : [path];
  });
}

const files = filesIn('.');
const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const scripts = Object.keys(Object(JSON.parse(textOf('package.json')).scripts));
/** The changelog tells of what is gone, too. */
const documents = files.filter((path) => path.endsWith('.md') && path !== 'CHANGELOG.md');

/** Words between single backticks, each once. */
const wordsOf = (text: string): string[] => [
  ...new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, word = '']) => word)),
];

/** A source's name or path. */
const isSource = (word: string): boolean => /^[\w-][\w./-]*\.(?:tsx?|mjs|css)$/.test(word);

/** GitHub's name for a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

describe.each(documents)('%s', (path) => {
  const text = textOf(path);
  const folder = posix.dirname(path);
  const sources = wordsOf(text).filter(isSource);

  test('names only files that are there', () => {
    const isThere = (name: string): boolean =>
      files.some((file) => file === posix.join(folder, name) || `/${file}`.endsWith(`/${name}`));
    expect(sources.filter((name) => !isThere(name))).toEqual([]);
  });

  test('calls only files of its own folder by their bare names', () => {
    const isOwn = (name: string): boolean =>
      files.some((file) => file.startsWith(`${folder}/`) && file.endsWith(`/${name}`));
    const bare = path.endsWith('/README.md') ? sources.filter((name) => !name.includes('/')) : [];
    expect(bare.filter((name) => !isOwn(name))).toEqual([]);
  });

  test('names only commands that package.json has', () => {
    const named = [...text.matchAll(/npm run ([a-z][\w:-]*)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !scripts.includes(name))).toEqual([]);
  });

  test('links only to files and sections that are there', () => {
    const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => anchorOf(title));
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    const isThere = (link: string): boolean =>
      link.startsWith('#')
        ? headings.includes(link.slice(1))
        : statSync(join(ROOT, folder, link.replace(/#.*$/, '')), { throwIfNoEntry: false }) !==
          undefined;
    expect(links.filter((link) => !/^https?:/.test(link) && !isThere(link))).toEqual([]);
  });
});

test.each(['aggregator', 'edge', 'player'])('%s/README.md lists every file', (service) => {
  const words = wordsOf(textOf(`${service}/README.md`));
  const own = filesIn(service)
    .filter((file) => posix.dirname(file) === service && file.endsWith('.ts'))
    .map((file) => posix.basename(file));
  expect(own.filter((name) => !words.includes(name))).toEqual([]);
});

test.each(SERVICES)(
  '%s/README.md names every setting that the service alone has',
  async (service) => {
    const { shape } = await settingsOf(service);
    const words = wordsOf(textOf(`${service}/README.md`)).join(' ');
    const own = Object.keys(shape).filter((name) => !(name in baseSettings.shape));
    expect(own.filter((name) => !words.includes(name))).toEqual([]);
  },
);

describe('warnings', () => {
  const codesIn = (paths: readonly string[]): string[] => [
    ...new Set(
      paths.flatMap((path) =>
        [...textOf(path).matchAll(/\bcode: '([A-Z_]+)'/g)].map(([, code = '']) => code),
      ),
    ),
  ];
  /** Codes in the first column of a document's tables. */
  const documented = (path: string): string[] =>
    [...textOf(path).matchAll(/^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) +\|/gm)].flatMap(([, cell = '']) =>
      wordsOf(cell),
    );
  const settings = new Set(files.filter((path) => path.endsWith('/config.ts')).map(textOf));
  const isSetting = (word: string): boolean => [...settings].some((text) => text.includes(word));
  const codesOf = (path: string): string[] =>
    documented(path)
      .filter((word) => !isSetting(word))
      .sort();

  test('of a feed are those that ingest/README.md explains', () => {
    const sources = filesIn('ingest').filter((path) => path.endsWith('.ts'));
    expect(codesOf('ingest/README.md')).toEqual([...codesIn(sources), 'FEED_REFUSED'].sort());
  });

  test('of a channel are those that control/README.md explains', () => {
    const codes = codesIn([
      'control/api/status.ts',
      'common/load-warning.ts',
      'common/shed-warning.ts',
    ]);
    expect(codesOf('control/README.md')).toEqual(codes.sort());
  });
});
