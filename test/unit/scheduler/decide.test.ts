import { describe, expect, test } from '@jest/globals';
import type { IngestEntry, LogEntry } from '#common/contracts/log';
import { aacFramesOf, gridOf, timeOfFrame, type FpsName } from '#common/grid';
import { frameIndex, milliseconds, segmentNumber } from '#common/time';
import { decide } from '../../../scheduler/plan/decide.ts';
import { EPOCH, SETTINGS, SimulatedLog, SimulatedSession } from './simulated-feed.ts';

const grid = gridOf('30');
/** A segment in the middle of the day, and the time at which it begins. */
const N = Math.ceil(EPOCH / 2000) + 1000;
const BEGIN = N * 2000;

const marks = (log: SimulatedLog): LogEntry[] =>
  log.entries.filter(({ t }) => t !== 'session' && t !== 'frames' && t !== 'end');

interface Options {
  readonly at?: number;
  readonly fps?: FpsName;
  readonly rate?: number;
  readonly keyframeEvery?: number;
  readonly name?: string;
}

/** A publisher that begins half a second before segment {@link N}. */
function publisher({
  at = BEGIN - 500,
  fps = '30',
  rate = 48_000,
  keyframeEvery = 60,
  name = 's1',
}: Options = {}): { session: SimulatedSession; begin: IngestEntry } {
  const session = new SimulatedSession(name, { fps, at, keyframeEvery, rate, reorder: false });
  return { session, begin: session.begin(at) };
}

/** A log that is on air, with frames up to a time. */
function airing(
  until: number,
  options: Options = {},
): { log: SimulatedLog; session: SimulatedSession } {
  const { session, begin } = publisher(options);
  const log = new SimulatedLog();
  log.append(begin, ...session.upTo(until));
  log.lead(until);
  return { log, session };
}

describe('a channel goes on air', () => {
  test('at the first whole segment after its first start point, once a frame of it has come', () => {
    const { session, begin } = publisher();
    const log = new SimulatedLog();
    log.append(begin, ...session.upTo(BEGIN));
    log.lead(BEGIN);
    expect(marks(log)).toEqual([]);
    log.append(...session.upTo(BEGIN + 100));
    log.lead(BEGIN + 100);
    expect(marks(log)).toMatchObject([
      { t: 'on-air', broadcast: N, fps: '30' },
      { t: 'source', from: N * 60, source: { kind: 'session', session: 's1' } },
    ]);
  });

  test('not by a session that ends before its first whole segment', () => {
    const { session, begin } = publisher();
    const log = new SimulatedLog();
    log.append(begin, ...session.upTo(BEGIN - 100), session.end(BEGIN - 100, true));
    log.lead(BEGIN + 60_000);
    expect(marks(log)).toEqual([]);
  });

  test('with a higher number than ever, also right after another broadcast', () => {
    const { log, session } = airing(BEGIN + 1_000);
    log.append(session.end(BEGIN + 1_000, true));
    log.lead(BEGIN + 1_100);
    const next = publisher({ at: BEGIN + 1_200, name: 's2' });
    log.append(next.begin, ...next.session.upTo(BEGIN + 2_500));
    log.lead(BEGIN + 2_500);
    expect(marks(log).slice(-3)).toMatchObject([
      { t: 'off-air', broadcast: N, last: N },
      { t: 'on-air', broadcast: N + 1 },
      { t: 'source', from: (N + 1) * 60 },
    ]);
  });
});

describe('a segment is closed', () => {
  const closed = (log: SimulatedLog): LogEntry[] => marks(log).filter(({ t }) => t === 'closed');
  const { end } = aacFramesOf(grid, segmentNumber(N));
  const mark = { t: 'closed', frame: (N + 1) * 60, sample: 1024 * (end + 4) };

  test('as soon as picture and sound have passed it, with four AAC frames to spare', () => {
    const soundPassed = (mark.sample / 48_000) * 1000;
    const { log, session } = airing(soundPassed - 5);
    expect(closed(log)).toEqual([]);
    log.append(...session.upTo(soundPassed + 45));
    log.lead(soundPassed + 45);
    expect(closed(log)).toMatchObject([mark]);
  });

  test('without waiting for sound that a feed does not have', () => {
    const { log } = airing(BEGIN + 2_040, { rate: 0 });
    expect(closed(log)).toMatchObject([mark]);
  });

  test('two seconds after its time whatever the feed does', () => {
    const { log } = airing(BEGIN + 1_000);
    const sampleTime = (mark.sample * 1000) / 48_000;
    log.lead(sampleTime + 1_999);
    expect(closed(log)).toEqual([]);
    log.lead(sampleTime + 2_001);
    expect(closed(log)).toMatchObject([mark]);
  });

  test('each by a decision of its own after a pause', () => {
    const { log, session } = airing(BEGIN + 1_000);
    log.append(...session.upTo(BEGIN + 20_000));
    const first = decide(log.state, milliseconds(BEGIN + 20_000), SETTINGS);
    expect(first).toHaveLength(1);
    log.lead(BEGIN + 20_000);
    expect(closed(log)).toHaveLength(9);
  });
});

describe('a gap', () => {
  /** The feed stops 500 ms into segment N. */
  const stopped = (): { log: SimulatedLog; session: SimulatedSession } => airing(BEGIN + 500);
  const GAP = N * 60 + 15;

  test('is held for two seconds, then shows the slate', () => {
    const { log } = stopped();
    log.lead(BEGIN + 8_000);
    expect(marks(log).slice(2)).toMatchObject([
      { t: 'source', from: GAP, source: { kind: 'hold' } },
      { t: 'closed', frame: (N + 1) * 60 },
      { t: 'source', from: GAP + 60, source: { kind: 'slate' } },
      { t: 'closed', frame: (N + 2) * 60 },
    ]);
  });

  test('ends with the first frame of the same feed that is not late, without waiting for a start point', () => {
    const { log, session } = airing(BEGIN + 500, { keyframeEvery: 250 });
    log.lead(BEGIN + 5_000);
    log.append(...session.upTo(BEGIN + 5_000));
    log.lead(BEGIN + 5_010);
    expect(marks(log).slice(2)).toMatchObject([
      { t: 'source', from: GAP, source: { kind: 'hold' } },
      { t: 'closed', frame: (N + 1) * 60 },
      { t: 'source', from: (N + 1) * 60, source: { kind: 'session', session: 's1' } },
      { t: 'closed', frame: (N + 2) * 60 },
    ]);
  });

  test('is bridged by a new session from its first start point', () => {
    const { log, session } = stopped();
    log.append(session.end(BEGIN + 600, false));
    log.lead(BEGIN + 2_900);
    const next = publisher({ at: BEGIN + 3_000, name: 's2' });
    log.append(next.begin, ...next.session.upTo(BEGIN + 3_100));
    log.lead(BEGIN + 3_100);
    expect(marks(log).slice(2)).toMatchObject([
      { t: 'source', from: GAP, source: { kind: 'hold' } },
      { t: 'source', from: GAP + 60, source: { kind: 'slate' } },
      { t: 'source', from: N * 60 + 90, source: { kind: 'session', session: 's2' } },
      { t: 'closed', frame: (N + 1) * 60 },
    ]);
  });

  test('longer than the reconnect time ends the broadcast, and the leader’s absence does not prolong it', () => {
    const { log, session } = stopped();
    log.append(session.end(BEGIN + 600, false));
    const next = publisher({ at: BEGIN + 60_000, name: 's2' });
    log.append(next.begin, ...next.session.upTo(BEGIN + 63_000));
    log.lead(BEGIN + 63_000);
    const offAir = marks(log).findIndex(({ t }) => t === 'off-air');
    expect(marks(log)[offAir]).toMatchObject({ broadcast: N, last: N });
    expect(marks(log)[offAir + 1]).toMatchObject({ t: 'on-air', broadcast: N + 30 });
  });

  test('is waited out for the reconnect time', () => {
    const { log, session } = stopped();
    log.append(session.end(BEGIN + 600, false));
    for (let now = BEGIN; now < BEGIN + 12_600; now += 100) {
      log.lead(now);
    }
    expect(log.state.air).not.toBeNull();
    log.lead(BEGIN + 12_601);
    expect(marks(log).at(-1)).toMatchObject({ t: 'off-air', last: N + 4 });
  });
});

describe('a broadcast ends', () => {
  test('with the segment of its last frame when the publisher stops cleanly', () => {
    const { log, session } = airing(BEGIN + 4_500);
    log.append(session.end(BEGIN + 4_500, true));
    log.lead(BEGIN + 4_501);
    expect(marks(log).slice(-3)).toMatchObject([
      { t: 'source', from: N * 60 + 135, source: { kind: 'hold' } },
      { t: 'closed', frame: (N + 3) * 60 },
      { t: 'off-air', last: N + 2 },
    ]);
  });

  test('on request, and its session does not open another', () => {
    const { log, session } = airing(BEGIN + 4_500);
    log.lead(BEGIN + 4_500, { ...SETTINGS, isEndAsked: true });
    expect(marks(log).at(-1)).toMatchObject({ t: 'off-air', last: N + 2 });
    log.append(...session.upTo(BEGIN + 20_000));
    log.lead(BEGIN + 20_000);
    expect(marks(log).at(-1)).toMatchObject({ t: 'off-air' });
  });

  test('not while its feed is connected and flowing, however short the reconnect time', () => {
    const { log, session } = airing(BEGIN + 500);
    for (let now = BEGIN + 500; now < BEGIN + 9_000; now += 500) {
      log.append(...session.upTo(now - 400));
      log.lead(now, { ...SETTINGS, reconnectSeconds: 0 });
    }
    expect(log.state.air?.broadcast).toBe(N);
  });
});

test('a place’s time is the beginning of its place', () => {
  expect(timeOfFrame(grid, frameIndex(N * 60))).toBe(BEGIN);
});
