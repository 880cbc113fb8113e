import { describe, expect, test } from '@jest/globals';
import { matchesEtag, parseRange } from '#common/http-conditions';

describe('parseRange', () => {
  test.each([
    ['bytes=0-0', 0, 0],
    ['bytes=10-19', 10, 19],
    ['bytes=90-', 90, 99],
    ['bytes=-5', 95, 99],
    ['bytes=-500', 0, 99],
    ['bytes=50-1000', 50, 99],
  ])('%s of 100 bytes', (header, start, end) => {
    expect(parseRange(header, 100)).toEqual({ start, end });
  });

  test.each(['bytes=100-', 'bytes=200-300', 'bytes=-0'])('%s cannot be satisfied', (header) => {
    expect(parseRange(header, 100)).toBe('unsatisfiable');
  });

  test.each([
    undefined,
    'bytes=-',
    'bytes=5-4',
    'bytes=0-1,5-6',
    'lines=1-2',
    'bytes=a-b',
    'bytes=1-99999999999999999999',
  ])('%s is answered with the whole', (header) => {
    expect(parseRange(header, 100)).toBeUndefined();
  });
});

describe('matchesEtag', () => {
  test('finds a tag in a list, weakly', () => {
    expect(matchesEtag('"a", W/"b"', '"b"')).toBe(true);
    expect(matchesEtag('*', '"b"')).toBe(true);
    expect(matchesEtag('"a"', '"b"')).toBe(false);
    expect(matchesEtag(undefined, '"b"')).toBe(false);
    expect(matchesEtag('"a"', undefined)).toBe(false);
  });
});
