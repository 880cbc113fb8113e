import { describe, expect, test } from '@jest/globals';
import type { LogEntry } from '#common/contracts/log';
import { aacFramesOfFragment, divisionOf } from '#common/division';
import { aacFramesOf, gridOf } from '#common/grid';
import { segmentNumber } from '#common/time';
import { EPOCH, LOW_LATENCY, SimulatedLog, SimulatedSession } from './simulated-feed.ts';

const INSTANT = { ...LOW_LATENCY, profile: 'instant' as const };
const grid = gridOf('30');
/** A segment in the middle of the day, the time at which it begins, and its first frame. */
const N = segmentNumber(Math.ceil(EPOCH / 2000) + 1000);
const BEGIN = N * 2000;
const FIRST = N * 60;
const FRAME = 1000 / 30;

function publisher(
  at: number,
  { name = 's1', rate = 48_000, hasFields = false } = {},
): { session: SimulatedSession; begin: LogEntry } {
  const options = { fps: '30' as const, at, keyframeEvery: 60, rate, reorder: false, hasFields };
  const session = new SimulatedSession(name, options);
  return { session, begin: session.begin(at) };
}

/** A log whose feed began at a time, told and led every frame up to another. */
function airing(
  until: number,
  { settings = LOW_LATENCY, at = BEGIN - 500, rate = 48_000, hasFields = false } = {},
): { log: SimulatedLog; session: SimulatedSession } {
  const { session, begin } = publisher(at, { rate, hasFields });
  const log = new SimulatedLog();
  log.append(begin);
  for (let now = at + FRAME; now <= until + 0.01; now += FRAME) {
    log.append(...session.upTo(now + 0.01));
    log.lead(now, settings);
  }
  return { log, session };
}

const closedPictures = (log: SimulatedLog): number[] =>
  log.entries.flatMap((entry) => (entry.t === 'picture-closed' ? [entry.frame - FIRST] : []));
const closedSound = (log: SimulatedLog): number[] =>
  log.entries.flatMap((entry) => (entry.t === 'sound-closed' ? [entry.sample] : []));
const pictureMarks = (log: SimulatedLog): LogEntry[] =>
  log.entries.filter(({ t }) => t === 'picture');

describe('in low latency a channel goes on air', () => {
  test('ahead of its first whole segment, as soon as a picture has come', () => {
    const { log } = airing(BEGIN - 400);
    expect(log.entries.find(({ t }) => t === 'on-air')).toMatchObject({
      broadcast: N,
      profile: 'low',
    });
    expect(closedPictures(log)).toEqual([]);
  });

  test('no earlier than its first task is due', () => {
    const { session, begin } = publisher(BEGIN - 1_900);
    const log = new SimulatedLog();
    log.append(begin, ...session.upTo(BEGIN - 1_800));
    log.lead(BEGIN - 1_510, LOW_LATENCY);
    expect(log.state.air).toBeNull();
    log.lead(BEGIN - 1_500, LOW_LATENCY);
    expect(log.state.air?.broadcast).toBe(N);
  });

  test('not by a session that is over before its first whole segment', () => {
    const { session, begin } = publisher(BEGIN - 1_900);
    const log = new SimulatedLog();
    log.append(begin, ...session.upTo(BEGIN - 1_800), session.end(BEGIN - 1_750, true));
    log.lead(BEGIN + 10_000, LOW_LATENCY);
    expect(log.state.air).toBeNull();
    expect(log.entries.some(({ t }) => t === 'on-air')).toBe(false);
  });

  test('with one segment, where the feed ends between', () => {
    const { log, session } = airing(BEGIN - 300);
    log.append(session.end(BEGIN - 290, true));
    log.lead(BEGIN - 280, LOW_LATENCY);
    expect(log.entries.at(-1)).toMatchObject({ t: 'off-air', broadcast: N, last: N });
    expect(closedPictures(log)).toEqual([60]);
  });

  test('and goes on with a session that takes over before its first place', () => {
    const { log, session } = airing(BEGIN - 300);
    log.append(session.end(BEGIN - 290, false));
    const next = publisher(BEGIN - 200, { name: 's2' });
    log.append(next.begin, ...next.session.upTo(BEGIN + 1_000));
    log.lead(BEGIN + 1_000, LOW_LATENCY);
    expect(pictureMarks(log)).toMatchObject([
      { from: FIRST, source: { kind: 'session', session: 's1' } },
      { from: FIRST + 1, source: { kind: 'session', session: 's2' } },
    ]);
  });
});

describe('in low latency places are closed', () => {
  test('with the frame before a fragment ends, not one later', () => {
    expect(closedPictures(airing(BEGIN + 9 * FRAME).log)).toEqual([]);
    expect(closedPictures(airing(BEGIN + 10 * FRAME).log)).toEqual([10]);
    expect(closedPictures(airing(BEGIN + 2_000).log)).toEqual([10, 20, 30, 40, 50, 60]);
  });

  test('frame by frame in instant', () => {
    const { log } = airing(BEGIN + 5 * FRAME, { settings: INSTANT });
    expect(closedPictures(log)).toEqual([1, 2, 3, 4, 5]);
  });

  test('several fragments by one mark, but no more than what is left of a segment', () => {
    const { log, session } = airing(BEGIN + 15 * FRAME);
    log.append(...session.upTo(BEGIN + 95 * FRAME + 0.01));
    log.lead(BEGIN + 95 * FRAME, LOW_LATENCY);
    expect(closedPictures(log)).toEqual([10, 60, 90]);
  });

  test('half a second after their time where nothing comes: the last frame is held, then goes on', () => {
    const { log, session } = airing(BEGIN + 15 * FRAME);
    log.lead(BEGIN + 20 * FRAME + 499, LOW_LATENCY);
    expect(closedPictures(log)).toEqual([10]);
    log.lead(BEGIN + 20 * FRAME + 501, LOW_LATENCY);
    expect(closedPictures(log)).toEqual([10, 20]);
    log.append(...session.upTo(BEGIN + 36 * FRAME + 0.01));
    log.lead(BEGIN + 36 * FRAME, LOW_LATENCY);
    expect(pictureMarks(log).slice(1)).toMatchObject([
      { from: FIRST + 15, source: { kind: 'hold' } },
      { from: FIRST + 20, source: { kind: 'session', session: 's1' } },
    ]);
    expect(closedPictures(log)).toEqual([10, 20, 30]);
  });

  test('for sound as soon as an encoder can give out a fragment, three AAC frames beyond it', () => {
    const division = divisionOf(grid, 'low');
    const { log } = airing(BEGIN + 2_500);
    const ends = Array.from(
      { length: 6 },
      (_, k) => 1024 * (aacFramesOfFragment(grid, division, N, k).end + 3),
    );
    expect(closedSound(log).slice(0, 6)).toEqual(ends);
    // The context of the segment is closed with the next one's first fragment.
    expect(closedSound(log)[6]).toBeGreaterThanOrEqual(1024 * (aacFramesOf(grid, N).end + 4));
    expect(log.state.air?.next.sound).toBe(N + 1);
  });

  test('up to the end of a segment of which anything was closed, when the broadcast ends', () => {
    const { log, session } = airing(BEGIN + 15 * FRAME);
    log.append(session.end(BEGIN + 500, false));
    // Held for as long as a publisher may come back, which ends in the middle of a segment.
    for (let now = BEGIN + 500; now <= BEGIN + 13_000; now += 100) {
      log.lead(now, LOW_LATENCY);
    }
    const off = log.entries.at(-1);
    const last = Math.max(...closedPictures(log)) / 60;
    expect(off).toMatchObject({ t: 'off-air', last: N + last - 1 });
    expect(Math.max(...closedSound(log))).toBe(
      1024 * (aacFramesOf(grid, segmentNumber(N + last - 1)).end + 4),
    );
  });
});
