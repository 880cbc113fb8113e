import { describe, expect, test } from '@jest/globals';
import { FREE, FREE_PER_SECOND, Pace, RecentTargets } from '../../../edge/pace.ts';

const PAUSE = 150;

describe('the pace', () => {
  test('lets a client that asks in a circle ask no faster than its pauses', () => {
    let now = 0;
    const pace = new Pace(PAUSE, () => now);
    let asked = 0;
    while (now < 60_000) {
      // A round trip of a millisecond, and the next request at once.
      now += 1 + pace.pauseFor('10.0.0.1', 'user-agent: Lavf', '/live/main/v720/1.m4s');
      asked += 1;
    }
    expect(asked).toBeLessThan(FREE + 60 * (1000 / PAUSE + FREE_PER_SECOND));
  });

  test('makes nobody of a crowd behind one address wait for longer than one pause, and none who differs', () => {
    const pace = new Pace(PAUSE, () => 0);
    const pauses = Array.from({ length: 1_000 }, () =>
      pace.pauseFor('10.0.0.1', 'user-agent: phone', '/live/main/v720/1.m4s'),
    );
    expect(Math.max(...pauses)).toBe(PAUSE);
    expect(pauses.slice(0, FREE)).toEqual(Array.from({ length: FREE }, () => 0));
    for (const [address, headers, target] of [
      ['10.0.0.2', 'user-agent: phone', '/live/main/v720/1.m4s'],
      ['10.0.0.1', 'user-agent: phone\r\nx-forwarded-for: 1.2.3.4', '/live/main/v720/1.m4s'],
      ['10.0.0.1', 'user-agent: phone', '/live/main/v720/2.m4s'],
    ] as const) {
      expect(pace.pauseFor(address, headers, target)).toBe(0);
    }
  });

  test('forgets with time', () => {
    let now = 0;
    const pace = new Pace(PAUSE, () => now);
    const ask = (): number => pace.pauseFor('10.0.0.1', '', '/x');
    while (ask() === 0) {
      // Until nothing is free.
    }
    now += 1_000;
    expect(Array.from({ length: FREE_PER_SECOND + 1 }, ask)).toEqual([0, 0, 0, 0, PAUSE]);
  });
});

test("a connection's first target and those asked again are looked at, others are not", () => {
  const recent = new RecentTargets();
  expect(recent.isSuspect('/1')).toBe(true);
  expect(recent.isSuspect('/2')).toBe(false);
  expect(recent.isSuspect('/1')).toBe(true);
  for (let n = 10; n < 30; n += 1) {
    expect(recent.isSuspect(`/${n}`)).toBe(false);
  }
});
