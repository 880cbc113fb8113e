import { describe, expect, test } from '@jest/globals';
import { formatDuration, isAtLive, titleOf } from '../../../player/timeline.ts';

describe('words', () => {
  test('durations are short', () => {
    expect([0, 7.4, 187, 3723, -3].map(formatDuration)).toEqual([
      '0:00',
      '0:07',
      '3:07',
      '1:02:03',
      '0:00',
    ]);
  });

  test('a channel id becomes a title', () => {
    expect(titleOf('cup-final')).toBe('Cup final');
    expect(titleOf('main')).toBe('Main');
  });
});

describe('time line', () => {
  test('live is a neighbourhood, not a point', () => {
    expect(isAtLive(100, 102)).toBe(true);
    expect(isAtLive(100, 110)).toBe(false);
    expect(isAtLive(101, 100)).toBe(true);
  });
});
