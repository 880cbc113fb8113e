import { expect, test } from '@jest/globals';
import { describeFiles } from '../../scripts/files.mjs';

test('every source file begins with a sentence that says what it is in charge of', () => {
  const files = describeFiles();
  expect(files.length).toBeGreaterThan(300);
  expect(files.filter(({ does }) => does === undefined).map(({ file }) => file)).toEqual([]);
});
