import { describe, expect, test } from '@jest/globals';
import {
  formatDuration,
  fractionOf,
  isAtLive,
  speakDuration,
  timeAt,
  titleOf,
} from '../../../player/timeline.ts';

describe('words', () => {
  test('durations are short on the screen and whole words for the ear', () => {
    expect([0, 7.4, 187, 3723, -3].map(formatDuration)).toEqual([
      '0:00',
      '0:07',
      '3:07',
      '1:02:03',
      '0:00',
    ]);
    expect([0, 1, 187, 3600].map(speakDuration)).toEqual([
      '0 seconds',
      '1 second',
      '3 minutes 7 seconds',
      '1 hour',
    ]);
  });

  test('a channel id becomes a title', () => {
    expect(titleOf('cup-final')).toBe('Cup final');
    expect(titleOf('main')).toBe('Main');
  });
});

describe('time line', () => {
  test('fractions and times are each other, and stay inside', () => {
    const stretch = { start: 1_800_000_000, end: 1_800_000_100 };
    expect(fractionOf(stretch, 1_800_000_025)).toBeCloseTo(0.25);
    expect(timeAt(stretch, 0.25)).toBe(1_800_000_025);
    expect(fractionOf(stretch, 0)).toBe(0);
    expect(timeAt(stretch, 7)).toBe(stretch.end);
    expect(fractionOf({ start: 5, end: 5 }, 5)).toBe(1);
  });

  test('live is a neighbourhood, not a point', () => {
    expect(isAtLive(100, 102)).toBe(true);
    expect(isAtLive(100, 110)).toBe(false);
    expect(isAtLive(101, 100)).toBe(true);
  });
});
