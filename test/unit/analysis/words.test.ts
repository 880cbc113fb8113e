import { expect, test } from '@jest/globals';
import { words } from '../../helpers/child.ts';

test('a command line is cut at white space, but never inside what is put in', () => {
  const file = 'a b.flv';
  expect(words`-v error
    -s ${640}x${360} -i ${file} ${['-x', 'y z']} ${[]} -f null`).toEqual([
    '-v',
    'error',
    '-s',
    '640x360',
    '-i',
    'a b.flv',
    '-x',
    'y z',
    '-f',
    'null',
  ]);
});
