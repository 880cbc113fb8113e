import { describe, expect, test } from '@jest/globals';
import type { IngestEntry, LogEntry } from '#common/contracts/log';
import { aacFramesOf, gridOf, timeOfFrame, type FpsName } from '#common/grid';
import { frameIndex, milliseconds, segmentNumber } from '#common/time';
import { decide, type DecideSettings } from '../../../scheduler/plan/decide.ts';
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
  readonly behind?: { readonly pictures?: number; readonly sound?: number };
}

/** A publisher that begins half a second before segment {@link N}. */
function publisher({
  at = BEGIN - 500,
  fps = '30',
  rate = 48_000,
  keyframeEvery = 60,
  name = 's1',
  behind = {},
}: Options = {}): { session: SimulatedSession; begin: IngestEntry } {
  const reorder = false;
  const session = new SimulatedSession(name, { fps, at, keyframeEvery, rate, reorder, behind });
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

/** Lets a session tell a log what came, and the leader decide, every 200 ms. */
function follow(
  log: SimulatedLog,
  session: SimulatedSession,
  options: {
    readonly from: number;
    readonly until: number;
    readonly lost?: 'nothing' | 'all' | 'pictures' | 'sound';
    readonly settings?: DecideSettings;
  },
): void {
  for (let now = options.from + 200; now <= options.until; now += 200) {
    log.append(...session.upTo(now, options.lost));
    log.lead(now, options.settings);
  }
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
      { t: 'picture', from: N * 60, source: { kind: 'session', session: 's1' } },
      { t: 'sound', from: 1024 * (aacFramesOf(grid, segmentNumber(N)).first - 3), session: 's1' },
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
    expect(marks(log).slice(-4)).toMatchObject([
      { t: 'off-air', broadcast: N, last: N },
      { t: 'on-air', broadcast: N + 1 },
      { t: 'picture', from: (N + 1) * 60 },
      { t: 'sound', session: 's2' },
    ]);
  });
});

/** The marks about pictures alone, or about sound alone, after those that put the channel on air. */
const ofPictures = (log: SimulatedLog): LogEntry[] =>
  marks(log).filter(({ t }) => t === 'picture' || t === 'picture-closed');
const ofSound = (log: SimulatedLog): LogEntry[] =>
  marks(log).filter(({ t }) => t === 'sound' || t === 'sound-closed');

const { end } = aacFramesOf(grid, segmentNumber(N));
const PICTURE_CLOSED = { t: 'picture-closed', frame: (N + 1) * 60 };
const SOUND_CLOSED = { t: 'sound-closed', sample: 1024 * (end + 4) };
const soundTime = (SOUND_CLOSED.sample * 1000) / 48_000;

describe('a segment is closed', () => {
  const closed = (log: SimulatedLog): LogEntry[] =>
    marks(log).filter(({ t }) => t === 'picture-closed' || t === 'sound-closed');

  test('as soon as the feed has passed it: its sound with four AAC frames to spare', () => {
    const { log, session } = airing(soundTime - 5);
    expect(closed(log)).toMatchObject([PICTURE_CLOSED]);
    log.append(...session.upTo(soundTime + 45));
    log.lead(soundTime + 45);
    expect(closed(log)).toMatchObject([PICTURE_CLOSED, SOUND_CLOSED]);
  });

  test('without waiting for sound that a feed does not have', () => {
    const { log } = airing(BEGIN + 2_040, { rate: 0 });
    expect(closed(log)).toMatchObject([PICTURE_CLOSED, SOUND_CLOSED]);
  });

  test('a wait after its time whatever the feed does, picture and sound each on its own', () => {
    const { log } = airing(BEGIN + 1_000);
    log.lead(BEGIN + 2_000 + 1_999);
    expect(closed(log)).toEqual([]);
    log.lead(BEGIN + 2_000 + 2_001);
    expect(closed(log)).toMatchObject([PICTURE_CLOSED]);
    log.lead(soundTime + 1_999);
    expect(closed(log)).toMatchObject([PICTURE_CLOSED]);
    log.lead(soundTime + 2_001);
    expect(closed(log)).toMatchObject([PICTURE_CLOSED, SOUND_CLOSED]);
  });

  test('by a decision of its own after a pause', () => {
    const { log, session } = airing(BEGIN + 1_000);
    log.append(...session.upTo(BEGIN + 20_000));
    const first = decide(log.state, milliseconds(BEGIN + 20_000), SETTINGS);
    expect(first).toMatchObject([PICTURE_CLOSED, SOUND_CLOSED]);
    log.lead(BEGIN + 20_000);
    expect(closed(log)).toHaveLength(18);
  });
});

describe('a gap', () => {
  /** The feed stops 500 ms into segment N. */
  const stopped = (): { log: SimulatedLog; session: SimulatedSession } => airing(BEGIN + 500);
  const GAP = N * 60 + 15;

  test('is held for two seconds, then shows the slate', () => {
    const { log } = stopped();
    log.lead(BEGIN + 7_900);
    expect(ofPictures(log).slice(1)).toMatchObject([
      { t: 'picture', from: GAP, source: { kind: 'hold' } },
      { t: 'picture-closed', frame: (N + 1) * 60 },
      { t: 'picture', from: GAP + 60, source: { kind: 'slate' } },
      { t: 'picture-closed', frame: (N + 2) * 60 },
    ]);
  });

  test('ends with the first frame of the same feed that is not late, without waiting for a start point', () => {
    const { log, session } = airing(BEGIN + 500, { keyframeEvery: 250 });
    log.lead(BEGIN + 5_000);
    log.append(...session.upTo(BEGIN + 5_000));
    log.lead(BEGIN + 5_010);
    expect(ofPictures(log).slice(1)).toMatchObject([
      { t: 'picture', from: GAP, source: { kind: 'hold' } },
      { t: 'picture-closed', frame: (N + 1) * 60 },
      { t: 'picture', from: (N + 1) * 60, source: { kind: 'session', session: 's1' } },
      { t: 'picture-closed', frame: (N + 2) * 60 },
    ]);
  });

  test('is bridged by a new session from its first start point', () => {
    const { log, session } = stopped();
    log.append(session.end(BEGIN + 600, false));
    log.lead(BEGIN + 2_900);
    const next = publisher({ at: BEGIN + 3_000, name: 's2' });
    log.append(next.begin, ...next.session.upTo(BEGIN + 3_100));
    log.lead(BEGIN + 3_100);
    expect(ofPictures(log).slice(1)).toMatchObject([
      { t: 'picture', from: GAP, source: { kind: 'hold' } },
      { t: 'picture', from: GAP + 60, source: { kind: 'slate' } },
      { t: 'picture', from: N * 60 + 90, source: { kind: 'session', session: 's2' } },
      { t: 'picture-closed', frame: (N + 1) * 60 },
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
    expect(marks(log).slice(-4)).toMatchObject([
      { t: 'picture', from: N * 60 + 135, source: { kind: 'hold' } },
      { t: 'picture-closed', frame: (N + 3) * 60 },
      { t: 'sound-closed' },
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

describe('without pictures', () => {
  /** A feed whose pictures stop half a second into segment N, told and led up to a time every 200 ms. */
  const blind = (
    until: number,
    settings = SETTINGS,
  ): { log: SimulatedLog; session: SimulatedSession } => {
    const { log, session } = airing(BEGIN + 500);
    follow(log, session, { from: BEGIN + 500, until, lost: 'pictures', settings });
    return { log, session };
  };
  const GAP = N * 60 + 15;

  test('the last one is held, then the slate shown, and sound goes on', () => {
    const { log } = blind(BEGIN + 20_000);
    expect(ofPictures(log).slice(1, 5)).toMatchObject([
      { t: 'picture', from: GAP, source: { kind: 'hold' } },
      { t: 'picture-closed', frame: (N + 1) * 60 },
      { t: 'picture', from: GAP + 60, source: { kind: 'slate' } },
      { t: 'picture-closed', frame: (N + 2) * 60 },
    ]);
    const [first, ...others] = ofSound(log);
    expect(first).toMatchObject({ t: 'sound', session: 's1' });
    expect(others[0]).toMatchObject(SOUND_CLOSED);
    expect(others.every(({ t }) => t === 'sound-closed')).toBe(true);
    expect(others).toHaveLength(9);
  });

  test('their places wait as long as any, until they have been away for long: then sound tells that it has passed', () => {
    const { log, session } = blind(BEGIN + 12_000);
    const before = log.state.air?.next.picture ?? 0;
    expect(before).toBeGreaterThanOrEqual(N + 5);
    follow(log, session, { from: BEGIN + 12_000, until: BEGIN + 30_000, lost: 'pictures' });
    expect(log.state.air?.next.picture).toBe(N + 14);
  });

  test('a feed that sends sound is not given up, and one that sends nothing is', () => {
    const { log } = blind(BEGIN + 180_000);
    expect(log.state.air?.broadcast).toBe(N);
    log.lead(BEGIN + 180_000 + 11_500);
    expect(log.state.air?.broadcast).toBe(N);
    log.lead(BEGIN + 180_000 + 12_100);
    expect(log.state.air).toBeNull();
  });

  test('a broadcast that stops cleanly ends with the segment of its last sound', () => {
    const { log, session } = blind(BEGIN + 9_000);
    log.append(session.end(BEGIN + 9_000, true));
    log.lead(BEGIN + 9_001);
    expect(marks(log).at(-1)).toMatchObject({ t: 'off-air', last: N + 4 });
    expect(ofSound(log).at(-1)).toMatchObject({ t: 'sound-closed' });
  });

  test('pictures that come back are shown from the first that is not late', () => {
    const { log, session } = blind(BEGIN + 10_100);
    follow(log, session, { from: BEGIN + 10_100, until: BEGIN + 13_000 });
    expect(ofPictures(log).findLast(({ t }) => t === 'picture')).toMatchObject({
      from: (N + 5) * 60 + 3,
      source: { kind: 'session', session: 's1' },
    });
  });
});

describe('sound', () => {
  test('that comes and goes leaves the pictures as they are', () => {
    const { log, session } = airing(BEGIN + 500);
    let now = BEGIN + 500;
    for (const [seconds, lost] of [
      [3, 'sound'],
      [1, 'nothing'],
      [12, 'sound'],
      [4, 'nothing'],
    ] as const) {
      const until = now + seconds * 1000;
      follow(log, session, { from: now, until, lost });
      now = until;
    }
    expect(ofPictures(log).filter(({ t }) => t === 'picture')).toHaveLength(1);
    expect(ofSound(log).filter(({ t }) => t === 'sound')).toHaveLength(1);
    expect(log.state.air?.next).toEqual({ picture: N + 10, sound: N + 10 });
  });

  test('is that of the next session as soon as it has any, before its pictures can be shown', () => {
    const { log, session } = airing(BEGIN + 500);
    log.append(session.end(BEGIN + 600, false));
    log.lead(BEGIN + 1_000);
    const next = publisher({ at: BEGIN + 3_000, name: 's2' });
    log.append(next.begin, ...next.session.upTo(BEGIN + 3_400, 'pictures'));
    log.lead(BEGIN + 3_400);
    expect(ofSound(log).findLast(({ t }) => t === 'sound')).toMatchObject({
      from: (BEGIN + 3_000) * 48,
      session: 's2',
    });
    expect(ofPictures(log)).toHaveLength(1);
    follow(log, next.session, { from: BEGIN + 3_400, until: BEGIN + 8_000 });
    expect(ofPictures(log).findLast(({ t }) => t === 'picture')).toMatchObject({
      source: { kind: 'session', session: 's2' },
    });
  });

  test('of an encoder that comes back without a camera is heard under the slate and keeps the broadcast', () => {
    const { log, session } = airing(BEGIN + 500);
    log.append(session.end(BEGIN + 600, false));
    const next = publisher({ at: BEGIN + 3_000, name: 's2' });
    log.append({ ...next.begin, video: null } as IngestEntry);
    follow(log, next.session, { from: BEGIN + 3_000, until: BEGIN + 60_000, lost: 'pictures' });
    expect(log.state.air?.broadcast).toBe(N);
    expect(ofSound(log).findLast(({ t }) => t === 'sound')).toMatchObject({ session: 's2' });
    expect(ofPictures(log).findLast(({ t }) => t === 'picture')).toMatchObject({
      source: { kind: 'slate' },
    });
    log.append(next.begin);
    follow(log, next.session, { from: BEGIN + 60_000, until: BEGIN + 62_000 });
    expect(ofPictures(log).findLast(({ t }) => t === 'picture')).toMatchObject({
      source: { kind: 'session', session: 's2' },
    });
  });

  test('that was away may come back behind its pictures: its place waits until they are half a second further', () => {
    const { log, session } = airing(BEGIN + 500);
    follow(log, session, { from: BEGIN + 500, until: BEGIN + 11_900, lost: 'sound' });
    expect(log.state.air?.next).toMatchObject({ sound: N + 5 });
    follow(log, session, { from: BEGIN + 11_900, until: BEGIN + 12_300, lost: 'sound' });
    expect(log.state.air?.next).toMatchObject({ picture: N + 6, sound: N + 5 });
    follow(log, session, { from: BEGIN + 12_300, until: BEGIN + 12_700, lost: 'sound' });
    expect(log.state.air?.next).toMatchObject({ picture: N + 6, sound: N + 6 });
  });

  test('of which all came too late and is forgotten does not end the broadcast', () => {
    const patient = { ...SETTINGS, reconnectSeconds: 60 };
    const { log, session } = airing(BEGIN + 500);
    log.append(session.end(BEGIN + 600, false));
    const next = publisher({ at: BEGIN + 1_000, name: 's2' });
    for (let now = BEGIN + 700; now <= BEGIN + 16_000; now += 200) {
      log.lead(now, patient);
    }
    log.append(next.begin, ...next.session.upTo(BEGIN + 3_000, 'pictures'));
    for (let now = BEGIN + 16_200; now <= BEGIN + 40_000; now += 200) {
      log.lead(now, patient);
    }
    expect(log.state.air?.broadcast).toBe(N);
  });

  test('of a session without any is that of the first session after it that has some', () => {
    const { log, session } = airing(BEGIN + 500, { rate: 0 });
    log.append(session.end(BEGIN + 600, false));
    const next = publisher({ at: BEGIN + 700, name: 's2' });
    log.append(next.begin, ...next.session.upTo(BEGIN + 1_500));
    log.lead(BEGIN + 1_500);
    expect(ofSound(log).at(-1)).toMatchObject({ from: (BEGIN + 700) * 48, session: 's2' });
  });
});

describe('a track that always comes behind the other one', () => {
  const settings: DecideSettings = { ...SETTINGS, closeAfter: milliseconds(3_500) };
  const BACK = BEGIN + 17_900;

  /** Places that came too late, of a track that was there for a while, away for longer than is waited for, and is back. */
  const lateOf = (track: 'pictures' | 'sound', hasNewSession: boolean): number => {
    const behind = { [track]: 2_500 };
    const { log, session } = airing(BEGIN + 4_000, { behind });
    follow(log, session, { from: BEGIN + 4_000, until: BEGIN + 8_000, settings });
    follow(log, session, { from: BEGIN + 8_000, until: BACK, lost: track, settings });
    const next = publisher({ at: BACK, name: 's2', behind });
    if (hasNewSession) {
      log.append(session.end(BACK, false), next.begin);
    }
    const back = hasNewSession ? next.session : session;
    follow(log, back, { from: BACK, until: BACK + 4_000, settings });
    const places = log.state.sessions.flatMap(({ video, sound }) => [
      ...(track === 'pictures' ? video : sound),
    ]);
    expect(places.length).toBeGreaterThan(40);
    return places.filter(({ late }) => late).length;
  };

  test.each(['pictures', 'sound'] as const)('loses nothing when it comes back: %s', (track) => {
    expect(lateOf(track, false)).toBe(0);
  });

  test('loses no pictures either when they come back in a new session', () => {
    expect(lateOf('pictures', true)).toBe(0);
  });
});

test('a place’s time is the beginning of its place', () => {
  expect(timeOfFrame(grid, frameIndex(N * 60))).toBe(BEGIN);
});
