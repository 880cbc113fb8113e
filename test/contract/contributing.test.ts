import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const ROOT = new URL('../../', import.meta.url);

test('CONTRIBUTING’s table sends nobody to a file or folder that is not there', () => {
  const whole = readFileSync(new URL('CONTRIBUTING.md', ROOT), 'utf8');
  const text = whole.slice(whole.indexOf('## Where to add what'), whole.indexOf('## Code'));
  const paths = [...text.matchAll(/`([a-z]+\/[\w./-]*)`/g)].map(([, path = '']) => path);
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.filter((path) => !existsSync(new URL(path, ROOT)))).toEqual([]);
});
