import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';

const FOLDER = path.resolve(import.meta.dirname, '../../scripts');
const STATIC_IMPORT = /^(?:import|export)\s(?:[^'";]*?\sfrom\s)?'(?<what>[^']+)';/gm;

const importsOf = (file: string): readonly string[] =>
  [...readFileSync(file, 'utf8').matchAll(STATIC_IMPORT)].map(
    ({ groups }) => groups?.['what'] ?? '',
  );

/** What a script and all that it imports of ours import from packages, before its first line runs. */
function packagesOf(file: string, seen = new Set<string>()): readonly string[] {
  if (seen.has(file)) {
    return [];
  }
  seen.add(file);
  return importsOf(file).flatMap((what) =>
    what.startsWith('.')
      ? packagesOf(path.resolve(path.dirname(file), what), seen)
      : what.startsWith('node:')
        ? []
        : [`${path.basename(file)}: ${what}`],
  );
}

/** Those that install what is missing. */
const INSTALLING = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.mjs'))
  .filter((name) => /await preflight\(/.test(readFileSync(path.join(FOLDER, name), 'utf8')));

test.each(INSTALLING)('%s runs in a clone in which nothing is installed yet', (name) => {
  expect(packagesOf(path.join(FOLDER, name))).toEqual([]);
});

test('npm start, npm test and npm run check are among them', () => {
  expect(INSTALLING).toEqual(expect.arrayContaining(['check.mjs', 'start.mjs', 'test.mjs']));
});
