import { describe, expect, test } from '@jest/globals';
import {
  CONNECTIONS_PER_SECOND,
  CONNECTION_FREE,
  CONNECTION_PER_SECOND,
  FREE,
  FREE_PER_SECOND,
  Pace,
  newVisitor,
} from '../../../edge/pace.ts';

const PAUSE = 150;
const SECONDS = 60;

/** Answers a client gets in a minute that asks again as soon as it is answered, a round trip of a millisecond later. */
function answersInAMinute(ask: (pace: Pace, n: number) => number, roundTripMs = 1): number {
  let now = 0;
  const pace = new Pace(PAUSE, () => now);
  let asked = 0;
  while (now < SECONDS * 1000) {
    now += roundTripMs + ask(pace, asked);
    asked += 1;
  }
  return asked;
}

/** What a held request is asked a second, with what is earned beside it. */
const heldAnd = (perSecond: number): number => SECONDS * (1000 / PAUSE + perSecond);

describe('one client', () => {
  test('that asks in a circle asks no faster than its pauses', () => {
    const visitor = newVisitor('10.0.0.1');
    const asked = answersInAMinute((pace) =>
      pace.pauseFor(visitor, 'user-agent: Lavf', '/live/main/v720/1.m4s'),
    );
    expect(asked).toBeLessThan(FREE + heldAnd(FREE_PER_SECOND));
  });

  test.each([2, 8, 9, 50, 5_000])(
    'that goes round %d targets is bounded as well, on one connection and with one for each request',
    (targets) => {
      const target = (n: number): string => `/live/main/v720/${n % targets}.m4s`;
      const visitor = newVisitor('10.0.0.1');
      const onOne = answersInAMinute((pace, n) => pace.pauseFor(visitor, '', target(n)));
      expect(onOne).toBeLessThan(CONNECTION_FREE + heldAnd(CONNECTION_PER_SECOND));
      const onMany = answersInAMinute((pace, n) =>
        pace.pauseFor(newVisitor('10.0.0.1'), '', target(n)),
      );
      expect(onMany).toBeLessThan(FREE + heldAnd(FREE_PER_SECOND));
    },
  );

  test('that takes another connection whenever one is spent earns no more', () => {
    let visitor = newVisitor('10.0.0.1');
    const asked = answersInAMinute((pace, n) => {
      const pause = pace.pauseFor(visitor, '', `/live/main/v720/${n}.m4s`);
      if (pause > 0) {
        visitor = newVisitor('10.0.0.1');
      }
      return pause;
    });
    // Connections that begin with all of their answers, and others that wait for their first.
    const connections = FREE + SECONDS * CONNECTIONS_PER_SECOND;
    expect(asked).toBeLessThan(connections * CONNECTION_FREE + heldAnd(CONNECTION_PER_SECOND));
  });

  test('that does not wait for answers is held for each of them', () => {
    const pace = new Pace(PAUSE, () => 0);
    const visitor = newVisitor('10.0.0.1');
    const pauses = Array.from({ length: CONNECTION_FREE + 3 }, (_, n) =>
      pace.pauseFor(visitor, '', `/${n}`),
    );
    expect(pauses.slice(-4)).toEqual([0, PAUSE, 2 * PAUSE, 3 * PAUSE]);
  });
});

describe('nobody waits', () => {
  test('who plays parts of 0.2 s by one connection, playlists and objects of picture and sound, for an hour', () => {
    let now = 0;
    const pace = new Pace(PAUSE, () => now);
    const visitor = newVisitor('10.0.0.1');
    let longest = 0;
    for (let part = 0; part < 5 * 3_600; part += 1) {
      now = part * 200;
      for (const track of ['v720', 'a128']) {
        for (const file of [`.m3u8?_HLS_msn=${part}&_HLS_part=1`, `${part}.m4s`]) {
          longest = Math.max(longest, pace.pauseFor(visitor, '', `/live/main/${track}/${file}`));
        }
      }
    }
    expect(longest).toBe(0);
  });

  test('longer than one pause in a crowd behind one address, and not at all who differs', () => {
    const pace = new Pace(PAUSE, () => 0);
    const pauseOf = (address: string, headers: string, target: string): number =>
      pace.pauseFor(newVisitor(address), headers, target);
    const pauses = Array.from({ length: 1_000 }, () =>
      pauseOf('10.0.0.1', 'user-agent: phone', '/live/main/v720/1.m4s'),
    );
    expect(Math.max(...pauses)).toBe(PAUSE);
    expect(pauses.slice(0, FREE)).toEqual(Array.from({ length: FREE }, () => 0));
    for (const [address, headers] of [
      ['10.0.0.2', 'user-agent: phone'],
      ['10.0.0.1', 'user-agent: phone\r\nx-forwarded-for: 1.2.3.4'],
    ] as const) {
      expect(pauseOf(address, headers, '/live/main/v720/1.m4s')).toBe(0);
    }
  });
});

test('what was spent comes back with time', () => {
  let now = 0;
  const pace = new Pace(PAUSE, () => now);
  const visitor = newVisitor('10.0.0.1');
  const ask = (): number => pace.pauseFor(visitor, '', '/x');
  while (ask() === 0) {
    // Until nothing is free.
  }
  now += 1_000;
  const pauses = Array.from({ length: FREE_PER_SECOND + 1 }, ask);
  expect(pauses).toEqual([0, 0, 0, 0, PAUSE]);
});

test('a connection that stands for several has the answers of all of them', () => {
  let now = 0;
  const pace = new Pace(PAUSE, () => now);
  const visitor = newVisitor('10.0.0.1', 6);
  let asked = 0;
  const answersAtOnce = (): number => {
    let count = 0;
    while (pace.pauseFor(visitor, '', `/live/main/v720/${(asked += 1)}.m4s`) === 0) {
      count += 1;
    }
    return count;
  };
  expect(answersAtOnce()).toBe(6 * CONNECTION_FREE);
  now += 1_000;
  expect(answersAtOnce()).toBe(6 * CONNECTION_PER_SECOND);
});

test('a pause of 0 counts nothing', () => {
  const pace = new Pace(0, () => 0);
  const visitor = newVisitor('10.0.0.1');
  const pauses = Array.from({ length: 10 * CONNECTION_FREE }, () =>
    pace.pauseFor(visitor, '', '/x'),
  );
  expect(new Set(pauses)).toEqual(new Set([0]));
});
