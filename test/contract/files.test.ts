import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const ROOT = new URL('../../', import.meta.url);
const FOLDERS = [
  ...['common', 'ingest', 'scheduler', 'transcoder', 'aggregator', 'edge', 'player'],
  ...['supervisor', 'demo', 'scripts', 'bench', 'test'],
];
/** Neither made by a build nor a test whose name already says it. */
const isListed = (file: string): boolean =>
  /\.(tsx?|mjs)$/.test(file) && !/\.d\.ts$|\.test\.ts$|(^|\/)(dist|node_modules)\//.test(file);

test('docs/files.md says of every file, and of no other, what it is in charge of', () => {
  const document = readFileSync(new URL('docs/files.md', ROOT), 'utf8');
  const described = [...document.matchAll(/^- `([^`]+)`: \S/gm)].map(([, file = '']) => file);
  const present = FOLDERS.flatMap((folder) =>
    readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name}`)
      .filter(isListed),
  );
  expect(described.toSorted()).toEqual(present.toSorted());
});
