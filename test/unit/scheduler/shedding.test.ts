import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LADDER } from '#common/contracts/channel';
import type { Shed } from '#common/contracts/shed';
import { withheldAt } from '#common/contracts/shed';
import { gridOf, segmentOfTime, timeOfSegment } from '#common/grid';
import { calmBeforeReturn } from '#common/shed-return';
import { milliseconds, segmentNumber } from '#common/time';
import { transcodeCores } from '#common/transcode-cost';
import { Danger, dangerLimit } from '../../../scheduler/plan/danger.ts';
import { renditionsOf } from '../../../scheduler/plan/ladder.ts';
import {
  SHED_LEAD,
  roomForOwed,
  leadOf,
  nextShed,
  shedFrom,
  type LoadedChannel,
  type ShedOrder,
} from '../../../scheduler/plan/shedding.ts';
import { seeded } from '../../helpers/seeded.ts';
import { EPOCH } from './simulated-feed.ts';

const GRID = gridOf('30');
const SOURCE = { width: 1920, height: 1080, keyframeFrames: 60, isOnTime: true };
const LADDER = renditionsOf(DEFAULT_LADDER, SOURCE, GRID);
const PICTURES = LADDER.filter(({ kind }) => kind === 'video').length;

const cores = (withheld: readonly string[]): number =>
  transcodeCores(
    LADDER.filter(({ id }) => !withheld.includes(id)),
    SOURCE,
    GRID,
  );

/** Machines of a size that changes, under channels whose work is late by what they do not carry. */
class World {
  now = EPOCH;
  /** Cores of all workers. */
  size = 100;
  readonly orders: (ShedOrder & { readonly at: number; readonly from: number })[] = [];
  readonly channels: {
    readonly channel: string;
    readonly priority: number;
    readonly danger: Danger;
    readonly sheds: Shed[];
    lateMs: number;
  }[];

  constructor(priorities: readonly number[]) {
    this.channels = priorities.map((priority, i) => ({
      channel: `c${i}`,
      priority,
      danger: new Danger(GRID, 'low'),
      sheds: [],
      lateMs: 0,
    }));
  }

  withheld(i: number): readonly string[] {
    const n = segmentOfTime(GRID, milliseconds(this.now));
    return [...withheldAt({ sheds: this.channels[i]?.sheds ?? [] }, n)];
  }

  get taken(): number {
    return this.channels.reduce((sum, _, i) => sum + cores(this.withheld(i)), 0);
  }

  /** Half a second goes by. */
  step(takenOverAt?: number): void {
    this.now += 500;
    // What is not carried piles up; once there is room it is worked off.
    const speed = this.size / Math.max(0.01, this.taken);
    for (const channel of this.channels) {
      channel.lateMs = Math.max(0, channel.lateMs + 500 * (1 - speed));
      channel.danger.note(milliseconds(this.now), {
        lateMs: channel.lateMs,
        leastLateMs: channel.lateMs,
        takenOverAt,
      });
    }
    const loaded = this.channels.map(
      ({ channel, priority, danger, sheds, lateMs }): LoadedChannel => ({
        channel,
        priority,
        grid: GRID,
        renditions: LADDER,
        sheds,
        coresWithout: cores,
        lateMs,
        unfinished: undefined,
        speed: danger.speed,
        isLeastOnTime: danger.isLeastOnTime,
        isInDanger: danger.isInDanger(milliseconds(this.now)),
        calmSince: danger.calmSince,
      }),
    );
    const now = milliseconds(this.now);
    for (const order of nextShed(loaded, Math.max(0, this.size - this.taken), now)) {
      const ordered = this.channels.find(({ channel }) => channel === order.channel);
      const { sheds = [] } = ordered ?? {};
      const from = shedFrom(GRID, now, order, { sheds, given: undefined, lead: SHED_LEAD });
      this.orders.push({ ...order, at: now, from });
      const { withheld, reason, lateMs, lateChannel } = order;
      ordered?.sheds.push({ from, withheld, at: now, reason, lateMs, lateChannel });
    }
  }

  run(seconds: number): void {
    for (let k = 0; k < 2 * seconds; k += 1) {
      this.step();
    }
  }
}

describe('shedding', () => {
  test('nothing is withheld while all is well, nor for one lost worker', () => {
    const world = new World([50]);
    world.run(60);
    const killedAt = world.now;
    world.size = 0;
    // Nobody makes anything for 2 s, and it is caught up after that.
    for (let k = 0; k < 4; k += 1) {
      world.step(killedAt + 500);
    }
    world.size = 100;
    for (let k = 0; k < 120; k += 1) {
      world.step(killedAt + 500);
    }
    expect(world.orders).toEqual([]);
  });

  test('the dearest goes first, well before its segment, until the rest is on time; lateness stays bounded', () => {
    const world = new World([50]);
    world.run(20);
    world.size = 0.87 * cores([]);
    let latest = 0;
    for (let k = 0; k < 600; k += 1) {
      world.step();
      latest = Math.max(latest, world.channels[0]?.lateMs ?? 0);
    }
    expect(world.orders.map(({ withheld }) => withheld)[0]).toEqual(['v1080']);
    expect(latest).toBeLessThan(4_000);
    expect(world.channels[0]?.lateMs).toBeLessThan(dangerLimit(GRID, 'low'));
    for (const { at, from } of world.orders) {
      expect(timeOfSegment(GRID, segmentNumber(from)) - at).toBeGreaterThanOrEqual(SHED_LEAD);
    }
  });

  test('where half is carried it withholds at once what the pace asks for, and is not late for long', () => {
    const world = new World([50]);
    world.run(20);
    world.size = 0.5 * cores([]);
    let latest = 0;
    for (let k = 0; k < 120; k += 1) {
      world.step();
      latest = Math.max(latest, world.channels[0]?.lateMs ?? 0);
    }
    expect(world.orders[0]?.withheld).toEqual(['v1080', 'v720']);
    expect(world.orders).toHaveLength(1);
    expect(latest).toBeLessThan(5_000);
    expect(world.channels[0]?.lateMs).toBe(0);
  });

  test('a machine that carries next to nothing keeps one picture and the sound', () => {
    const world = new World([50]);
    world.size = 0.01;
    world.run(300);
    expect(world.withheld(0)).toEqual(['v1080', 'v720', 'v480']);
  });

  test('what is less important goes first, and comes back last', () => {
    const world = new World([80, 20, 50]);
    world.size = 1.6 * cores([]);
    world.run(60);
    expect(new Set(world.orders.map(({ channel }) => channel))).toEqual(new Set(['c1', 'c2']));
    const first = world.orders.findIndex(({ channel }) => channel === 'c2');
    const before = world.orders.slice(0, first).filter(({ channel }) => channel === 'c1');
    expect(before.at(-1)?.withheld).toHaveLength(PICTURES - 1);
    const { length } = world.orders;
    world.size = 100;
    world.run(300);
    const back = world.orders.slice(length).filter(({ reason }) => reason === 'room');
    expect(back[0]?.channel).toBe('c2');
    expect(back.at(-1)?.channel).toBe('c1');
    expect([0, 1, 2].map((i) => world.withheld(i))).toEqual([[], [], []]);
  });

  test('what the least important has is not enough: the next gives something in the same step, the most important nothing', () => {
    const world = new World([80, 20, 50]);
    world.run(20);
    world.size = 0.5 * 3 * cores([]);
    let latest = 0;
    for (let k = 0; k < 120; k += 1) {
      world.step();
      latest = Math.max(latest, ...world.channels.map(({ lateMs }) => lateMs));
    }
    expect(world.orders.map(({ channel }) => channel)).toEqual(['c1', 'c2']);
    expect(world.orders[1]?.at).toBe(world.orders[0]?.at);
    expect(latest).toBeLessThan(5_000);
  });

  test('a return that was wrong is tried ever more seldom', () => {
    const sheds: Shed[] = [];
    const mark = (at: number, withheld: string[]): void => {
      const shed = { from: segmentNumber(sheds.length), withheld, at: milliseconds(at) };
      sheds.push({ ...shed, reason: 'late', lateMs: 0, lateChannel: 'c0' });
    };
    const waits: number[] = [];
    for (let at = 0; waits.length < 8; at += 30_000) {
      mark(at, ['v1080']);
      waits.push(calmBeforeReturn(sheds, 'v1080') / 1000);
      mark(at + 20_000, []);
    }
    expect(waits).toEqual([20, 40, 80, 160, 320, 600, 600, 600]);
    mark(10_000_000, ['v1080']);
    expect(calmBeforeReturn(sheds, 'v1080')).toBe(20_000);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('whatever happens it keeps its word: seed %i', (seed) => {
    const random = seeded(seed);
    const world = new World([10, 50, 50, 90].slice(0, 1 + Math.floor(random() * 4)));
    const all = world.channels.length * cores([]);
    for (let turn = 0; turn < 40; turn += 1) {
      world.size = all * random() * 1.6;
      world.run(10 + random() * 60);
    }
    world.channels.forEach(({ sheds, channel, priority }) => {
      sheds.forEach(({ withheld, from, at, reason }, k) => {
        const before = sheds[k - 1];
        expect(withheld.length).toBeLessThan(PICTURES);
        expect(withheld).not.toContain('a128');
        // The dearest first; back one at a time, unless it is called off before it began.
        const more = withheld.length - (before?.withheld.length ?? 0);
        expect(withheld).toEqual(['v1080', 'v720', 'v480'].slice(0, withheld.length));
        if (reason === 'room' && from === before?.from) {
          expect(withheld).toEqual(sheds[k - 2]?.withheld ?? []);
          expect(at).toBeLessThanOrEqual(timeOfSegment(GRID, from) + 500);
          return;
        }
        expect(reason === 'late' ? more > 0 : more === -1).toBe(true);
        expect(from).toBeGreaterThan(before?.from ?? 0);
        expect(timeOfSegment(GRID, from) - at).toBeGreaterThanOrEqual(SHED_LEAD);
        if (reason === 'room' && before !== undefined) {
          const back = before.withheld.find((id) => !withheld.includes(id)) ?? '';
          const calm = calmBeforeReturn(sheds.slice(0, k), back);
          expect(at - timeOfSegment(GRID, before.from)).toBeGreaterThanOrEqual(calm);
        }
        if (reason === 'late') {
          // Whoever is less important had given all it has by then.
          for (const other of world.channels) {
            if (other.channel !== channel && other.priority < priority) {
              const had = other.sheds.findLast((shed) => shed.at <= at);
              expect(had?.withheld).toHaveLength(PICTURES - 1);
            }
          }
        }
      });
    });
    // One step at a time, over all channels; one may be of several.
    world.orders.slice(1).forEach(({ at, channel }, k) => {
      const before = world.orders[k];
      if (at === before?.at) {
        expect(channel).not.toBe(before.channel);
      } else if (before?.from !== world.orders[k + 1]?.from) {
        expect(at).toBeGreaterThan(timeOfSegment(GRID, segmentNumber(before?.from ?? 0)));
      }
    });
  });

  test('what was late for a moment loses nothing: it is called off before it begins, once', () => {
    const world = new World([50, 20]);
    world.run(20);
    const burst = (): void => {
      world.size = 0.2 * 2 * cores([]);
      world.run(2);
      world.size = 100;
    };
    burst();
    world.run(60);
    const [shed, calledOff] = world.orders.filter(({ channel }) => channel === 'c1');
    expect(shed).toMatchObject({ reason: 'late', withheld: expect.arrayContaining(['v1080']) });
    expect(calledOff).toMatchObject({ reason: 'room', withheld: [], from: shed?.from });
    expect(
      world.orders.every(({ reason }, k) => (k < 2 ? reason === 'late' : reason === 'room')),
    ).toBe(true);
    for (const { sheds } of world.channels) {
      for (let n = 0; n < 200; n += 1) {
        const segment = segmentNumber(segmentOfTime(GRID, milliseconds(EPOCH)) + n);
        expect([...withheldAt({ sheds }, segment)]).toEqual([]);
      }
    }
    // Soon again: it waits like any other.
    burst();
    world.run(10);
    expect(world.withheld(1)).toContain('v1080');
  });

  test('nothing more is made of a segment that workers were given without it', () => {
    const sheds = [{ ...AWAY, from: segmentNumber(20) }];
    const timing = { sheds, given: segmentNumber(20), lead: SHED_LEAD };
    const now = milliseconds(EPOCH);
    const from = segmentNumber(20);
    expect(shedFrom(GRID, now, { reason: 'room', from }, timing)).toBe(21);
    expect(shedFrom(GRID, now, { reason: 'room', from }, { ...timing, given: undefined })).toBe(20);
    // What is late is given up in the middle of what is being made.
    expect(shedFrom(GRID, now, { reason: 'late', from: segmentNumber(19) }, timing)).toBe(19);
  });
});

const AWAY: Shed = {
  from: segmentNumber(1),
  withheld: ['v1080'],
  at: milliseconds(0),
  reason: 'late',
  lateMs: 900,
  lateChannel: 'c0',
};

test('what is owed is made with nothing on air, or beside live work that is whole, on time and leaves a core', () => {
  const now = milliseconds(EPOCH);
  const well: LoadedChannel = {
    channel: 'c0',
    priority: 50,
    grid: GRID,
    renditions: LADDER,
    sheds: [],
    coresWithout: cores,
    lateMs: 0,
    unfinished: undefined,
    speed: 1,
    isLeastOnTime: true,
    isInDanger: false,
    calmSince: EPOCH - 10_000,
  };
  expect(roomForOwed([], 0.2, now)).toBe(4);
  expect(roomForOwed([undefined], 0.2, now)).toBe(4);
  expect(roomForOwed([], null, now)).toBe(0);
  expect(roomForOwed([well], 1, now)).toBe(1);
  expect(roomForOwed([well], 2.5, now)).toBe(2);
  expect(roomForOwed([well], 0.9, now)).toBe(0);
  expect(roomForOwed([well, 'undecided'], 1, now)).toBe(0);
  expect(roomForOwed([{ ...well, calmSince: EPOCH - 9_000 }], 1, now)).toBe(0);
  expect(roomForOwed([{ ...well, calmSince: undefined }], 1, now)).toBe(0);
  expect(roomForOwed([{ ...well, sheds: [AWAY] }], 1, now)).toBe(0);
  const from = segmentNumber(Math.ceil(EPOCH / 2_000));
  const back: Shed = { ...AWAY, from, withheld: [], reason: 'room' };
  const returned = { ...well, sheds: [AWAY, back] };
  expect(roomForOwed([returned], 1, now)).toBe(0);
  expect(roomForOwed([returned], 1, milliseconds(now + 9_000))).toBe(0);
  expect(roomForOwed([returned], 1, milliseconds(now + 12_000))).toBe(1);
});

test('where only the largest picture is late, only that goes, however slowly it is made', () => {
  const now = milliseconds(EPOCH);
  const late = {
    channel: 'c0',
    priority: 50,
    grid: GRID,
    renditions: LADDER,
    sheds: [],
    coresWithout: cores,
    lateMs: 1_000,
    unfinished: undefined,
    speed: 0.1,
    isLeastOnTime: true,
    isInDanger: true,
    calmSince: undefined,
  };
  expect(nextShed([late], 0, now).map(({ withheld }) => withheld)).toEqual([['v1080']]);
  const all = nextShed([{ ...late, isLeastOnTime: false }], 0, now);
  expect(all.map(({ withheld }) => withheld)).toEqual([['v1080', 'v720', 'v480']]);
});

test('what goes and is too late by then is given up at once, from the first number of it that is not made', () => {
  const now = milliseconds(EPOCH);
  const from = segmentNumber(Math.ceil(EPOCH / 2_000) + 1);
  const going: LoadedChannel = {
    channel: 'c0',
    priority: 50,
    grid: GRID,
    renditions: LADDER,
    sheds: [{ ...AWAY, from, at: milliseconds(EPOCH - 1_000) }],
    coresWithout: cores,
    lateMs: 2_400,
    unfinished: segmentNumber(from - 2),
    speed: 0.5,
    isLeastOnTime: true,
    isInDanger: true,
    calmSince: undefined,
  };
  expect(nextShed([going], 0, now)).toEqual([]);
  const late = { ...going, lateMs: 2_600 };
  expect(nextShed([late], 0, now)).toMatchObject([
    { channel: 'c0', withheld: ['v1080'], from: from - 2, reason: 'late' },
  ]);
  const sheds: Shed[] = [
    ...going.sheds,
    { ...AWAY, from: segmentNumber(from - 2), at: milliseconds(EPOCH) },
  ];
  expect(nextShed([{ ...late, sheds }], 0, now)).toEqual([]);
  // It is seen whether that helped before anything else goes.
  expect(nextShed([{ ...late, sheds }], 0, milliseconds(now + 2_900))).toEqual([]);
  expect(nextShed([{ ...late, unfinished: from }], 0, now)).toEqual([]);
});

test('whoever plays what goes comes to where it goes four seconds later: the later it is, the sooner', () => {
  const order = { reason: 'late' as const, withheld: ['v1080'] };
  expect(leadOf(order, [], { lateMs: 1_000, speed: 1 })).toBe(3_000);
  expect(leadOf(order, [], { lateMs: 1_000, speed: 0.75 })).toBe(2_500);
  expect(leadOf(order, [], { lateMs: 9_000, speed: 0.5 })).toBe(2_000);
  // It is on time: another channel is late.
  expect(leadOf(order, [], { lateMs: 0, speed: 1 })).toBe(SHED_LEAD);
  // The smaller of two may be on time; what is offered again is not late.
  expect(leadOf({ ...order, withheld: ['v1080', 'v720'] }, [], { lateMs: 1_000, speed: 1 })).toBe(
    SHED_LEAD,
  );
  expect(leadOf({ reason: 'room', withheld: [] }, ['v1080'], { lateMs: 1_000, speed: 1 })).toBe(
    SHED_LEAD,
  );
});

describe('danger', () => {
  const note = (danger: Danger, lates: readonly number[], takenOverAt?: number): boolean => {
    lates.forEach((lateMs, k) => {
      danger.note(milliseconds(EPOCH + 500 * k), { lateMs, leastLateMs: lateMs, takenOverAt });
    });
    return danger.isInDanger(milliseconds(EPOCH + 500 * (lates.length - 1)));
  };
  const steady = (lateMs: number): number[] => Array.from({ length: 9 }, () => lateMs);

  test('is what stays late, and not what was late once or gets better', () => {
    expect(note(new Danger(GRID, 'low'), steady(800))).toBe(true);
    expect(note(new Danger(GRID, 'low'), steady(600))).toBe(false);
    expect(note(new Danger(GRID, 'instant'), steady(600))).toBe(true);
    expect(note(new Danger(GRID, 'standard'), steady(3_900))).toBe(false);
    expect(note(new Danger(GRID, 'standard'), steady(4_100))).toBe(true);
    expect(note(new Danger(GRID, 'low'), [...steady(800).slice(0, 4), 100, 800, 800])).toBe(false);
    const falling = steady(3_000).map((late, k) => late - 100 * k);
    expect(note(new Danger(GRID, 'low'), falling)).toBe(false);
    // It takes 2 s without a break, and half of that where it grows without end.
    expect(note(new Danger(GRID, 'low'), [...steady(0).slice(3), 700, 750, 800])).toBe(false);
    expect(note(new Danger(GRID, 'low'), [0, 100, 400, 700, 1_000, 1_300])).toBe(true);
    expect(note(new Danger(GRID, 'low'), steady(800), EPOCH)).toBe(false);
    expect(note(new Danger(GRID, 'low'), [...steady(800), ...steady(800)], EPOCH - 6_000)).toBe(
      true,
    );
  });
});
