import { expect, test } from '@jest/globals';
import type { MarkEntry } from '#common/contracts/log';
import { madeAt, nextMade } from '#common/contracts/shed';
import { milliseconds, segmentNumber, type SegmentNumber } from '#common/time';
import { earlyTaskOf } from '../../../scheduler/plan/early.ts';
import { fold } from '../../../scheduler/plan/fold.ts';
import { planFiller, planOwed, planSegment } from '../../../scheduler/plan/plan.ts';
import { channelStateSchema, type AirState } from '../../../scheduler/plan/state.ts';
import { EPOCH, LOW_LATENCY, SimulatedLog, SimulatedSession } from './simulated-feed.ts';

function onAir(): { readonly log: SimulatedLog; readonly air: AirState } {
  const log = new SimulatedLog();
  const session = new SimulatedSession('s1', {
    fps: '30',
    at: EPOCH,
    keyframeEvery: 30,
    rate: 48_000,
    reorder: false,
  });
  log.append(session.begin(EPOCH));
  for (let at = EPOCH; at < EPOCH + 6_000; at += 200) {
    log.append(...session.upTo(at));
    log.lead(at, LOW_LATENCY);
  }
  const { air } = log.state;
  if (air === null) {
    throw new Error('the simulated feed is not on air');
  }
  return { log, air };
}

const shed = (
  { broadcast }: AirState,
  from: SegmentNumber,
  withheld: readonly string[],
): MarkEntry => ({
  t: 'shed',
  epoch: 1,
  broadcast,
  from,
  withheld: [...withheld],
  at: milliseconds(EPOCH + 6_000),
  reason: 'late',
  lateMs: 900,
  lateChannel: 'final',
});
const idsOf = (renditions: readonly { readonly id: string }[]): string[] =>
  renditions.map(({ id }) => id);
const plus = (air: AirState, segments: number): SegmentNumber =>
  segmentNumber(air.broadcast + segments);

test('from its segment on tasks have what is not withheld, early ones, whole ones and filler', () => {
  const { log, air } = onAir();
  log.append(shed(air, plus(air, 2), ['v720']));
  const early = [0, 1, 2, 3].map((k) => earlyTaskOf('final', log.state, air, plus(air, k)));
  expect(early.map(({ renditions }) => idsOf(renditions))).toEqual([
    ['v720', 'v480', 'v360', 'a128'],
    ['v720', 'v480', 'v360', 'a128'],
    ['v480', 'v360', 'a128'],
    ['v480', 'v360', 'a128'],
  ]);
  const whole = planSegment('final', log.state, plus(air, 2));
  expect(idsOf(whole.renditions)).toEqual(['v480', 'v360', 'a128']);
  expect(idsOf(planFiller(whole).renditions)).toEqual(['v480', 'v360', 'a128']);
  expect(idsOf(planSegment('final', log.state, plus(air, 1)).renditions)).toContain('v720');
});

test('what is withheld of a segment is owed, from the same pictures', () => {
  const { log, air } = onAir();
  log.append(shed(air, plus(air, 1), ['v720']));
  expect(planOwed('final', log.state, air.broadcast)).toBeUndefined();
  const owed = planOwed('final', log.state, plus(air, 1));
  const { video, sound, hash } = planSegment('final', log.state, plus(air, 1));
  expect(owed).toMatchObject({ video, sound, n: plus(air, 1), profile: 'low' });
  expect(idsOf(owed?.renditions ?? [])).toEqual(['v720']);
  expect(owed?.hash).not.toBe(hash);
});

test('what is withheld survives a checkpoint, and a mark that comes again says nothing new', () => {
  const { log, air } = onAir();
  log.append(
    shed(air, plus(air, 2), ['v720']),
    shed(air, plus(air, 6), []),
    shed(air, plus(air, 2), ['v720', 'v480']),
    shed(air, plus(air, 6), ['v480']),
  );
  const again = channelStateSchema.parse(JSON.parse(JSON.stringify(log.state)));
  expect(again).toEqual(log.state);
  expect([1, 2, 5, 6, 60].map((k) => idsOf(madeAt(air, plus(air, k))).length)).toEqual([
    4, 3, 3, 4, 4,
  ]);
});

test('a mark of another broadcast concerns nobody', () => {
  const { log, air } = onAir();
  fold(log.state, {
    ...shed(air, plus(air, 2), ['v720']),
    broadcast: segmentNumber(1),
  } as MarkEntry);
  expect(air.sheds).toEqual([]);
});

test('the number that a rendition is made of next is known once its return is decided', () => {
  const { log, air } = onAir();
  log.append(shed(air, plus(air, 2), ['v720']));
  expect(nextMade(air, 'v720', plus(air, 1))).toBe(plus(air, 1));
  expect(nextMade(air, 'v720', plus(air, 4))).toBeUndefined();
  log.append(shed(air, plus(air, 5), ['v720', 'v480']), shed(air, plus(air, 9), ['v480']));
  expect(nextMade(air, 'v720', plus(air, 4))).toBe(plus(air, 9));
  expect(nextMade(air, 'v480', plus(air, 7))).toBeUndefined();
  expect(nextMade(air, 'a128', plus(air, 7))).toBe(plus(air, 7));
});

test('pictures are decoded to the size of what was made until a while ago, whoever makes a segment, early or afterwards', () => {
  const { log, air } = onAir();
  const sizeAt = (k: number): unknown => earlyTaskOf('final', log.state, air, plus(air, k)).decoded;
  expect(sizeAt(3)).toBeUndefined();
  log.append(shed(air, plus(air, 1), ['v720']));
  expect([0, 1, 45, 60].map(sizeAt)).toEqual([
    undefined,
    { width: 1280, height: 720 },
    { width: 1280, height: 720 },
    undefined,
  ]);
  const whole = planSegment('final', log.state, plus(air, 1));
  expect(whole.decoded).toEqual({ width: 1280, height: 720 });
  expect(planFiller(whole).decoded).toEqual(whole.decoded);
  expect(planOwed('final', log.state, plus(air, 1))?.decoded).toBeUndefined();
});

test('a later decision holds from its number on, also before the number of another', () => {
  const { log, air } = onAir();
  const later = { ...shed(air, plus(air, 3), ['v720']), at: milliseconds(EPOCH + 7_000) };
  log.append(shed(air, plus(air, 6), ['v720']), later);
  expect([2, 3, 6].map((k) => idsOf(madeAt(air, plus(air, k))).includes('v720'))).toEqual([
    true,
    false,
    false,
  ]);
  const back = { ...shed(air, plus(air, 9), []), at: milliseconds(EPOCH + 8_000) };
  const again = { ...shed(air, plus(air, 8), ['v720']), at: milliseconds(EPOCH + 9_000) };
  log.append(back);
  expect(nextMade(air, 'v720', plus(air, 4))).toBe(plus(air, 9));
  log.append(again);
  expect(nextMade(air, 'v720', plus(air, 4))).toBeUndefined();
  expect(idsOf(madeAt(air, plus(air, 9)))).not.toContain('v720');
});
