import { expect, test } from '@jest/globals';
import { hitLevel } from '../../../../control/room/judgement.ts';

test('a low hit ratio is worth a look where there are viewers to share, and not for one', () => {
  expect(hitLevel(null, 100)).toBe('none');
  expect(hitLevel(0, 1.5)).toBe('none');
  expect(hitLevel(0.3, 40)).toBe('watch');
  expect(hitLevel(0.9, 1.5)).toBe('good');
});
