import { describe, expect, test } from '@jest/globals';
import { earlyTaskSchema } from '#common/contracts/early-task';
import type { WorkerCapacity } from '#common/contracts/worker-capacity';
import { firstFrame, gridOf, timeOfSegment } from '#common/grid';
import { milliseconds, segmentNumber } from '#common/time';
import type { KnownWorker } from '#common/worker-capacities';
import {
  dueEarlyTasks,
  isOfSegment,
  nextEarlyTaskDue,
  placeEarlyTask,
  type Carried,
  type Placing,
} from '../../../scheduler/plan/early.ts';
import { fold } from '../../../scheduler/plan/fold.ts';
import { shownBy, shownSoFar } from '../../../scheduler/plan/shown.ts';
import { emptyChannel, nextSegment } from '../../../scheduler/plan/state.ts';
import { seeded } from '../../helpers/seeded.ts';
import {
  EPOCH,
  LOW_LATENCY,
  SimulatedLog,
  SimulatedSession,
  simulateLife,
} from './simulated-feed.ts';

const N = Math.ceil(EPOCH / 2000) + 1000;
const BEGIN = N * 2000;

/** A channel whose feed began half a second before segment N. */
function airing(until: number): SimulatedLog {
  const at = BEGIN - 500;
  const log = new SimulatedLog();
  const options = { fps: '30' as const, at, keyframeEvery: 30, rate: 48_000, reorder: false };
  const session = new SimulatedSession('s1', options);
  log.append(session.begin(at));
  for (let now = at + 100; now <= until; now += 100) {
    log.append(...session.upTo(now));
    log.lead(now, LOW_LATENCY);
  }
  return log;
}

const due = (log: SimulatedLog, now: number, given?: number) =>
  dueEarlyTasks(
    'final',
    log.state,
    milliseconds(now),
    given === undefined ? undefined : segmentNumber(given),
  );

describe('early tasks', () => {
  test('are due from before the broadcast, each once, for what begins within the lead', () => {
    const log = airing(BEGIN - 300);
    expect(due(log, BEGIN - 300).map(({ n }) => n)).toEqual([N]);
    expect(due(log, BEGIN - 300, N)).toEqual([]);
    expect(nextEarlyTaskDue(log.state, segmentNumber(N))).toBe(BEGIN + 2_000 - 1_500);
    expect(due(log, BEGIN + 499, N)).toEqual([]);
    expect(due(log, BEGIN + 500, N).map(({ n }) => n)).toEqual([N + 1]);
  });

  test('say what the segment begins with unless told otherwise, and where to decode that from', () => {
    const log = airing(BEGIN + 600);
    const [task] = due(log, BEGIN + 600, N);
    const { sessions, air } = log.state;
    const up = sessions[0]?.video.find(({ index }) => index === (air?.closed.frame ?? 0) - 1);
    expect(task).toMatchObject({
      opening: { kind: 'frame', place: up?.index, seq: up?.seq },
      decode: { session: 's1' },
      deadline: BEGIN + 4_000 + 1_500,
    });
    earlyTaskSchema.parse({ ...task, after: '1-0' });
  });

  test('are not due in standard, off air, or when it is too late for them', () => {
    expect(dueEarlyTasks('final', emptyChannel(), milliseconds(BEGIN), undefined)).toEqual([]);
    expect(nextEarlyTaskDue(emptyChannel(), undefined)).toBe(Number.POSITIVE_INFINITY);
    const log = airing(BEGIN + 600);
    expect(due(log, BEGIN + 3_600).map(({ n }) => n)).toEqual([N + 1, N + 2]);
  });

  test('open with what entries before their segment left up, in any life', () => {
    let compared = 0;
    for (const seed of [1, 2]) {
      const { entries } = simulateLife(seeded(seed), 60, LOW_LATENCY);
      const state = emptyChannel();
      let up = 'nothing';
      for (const entry of entries) {
        const soFar = shownSoFar(state);
        fold(state, entry);
        for (const told of 'epoch' in entry ? shownBy(soFar, entry, state) : []) {
          if (told.t === 'pictures') {
            const last = told.shown.at(-1);
            up = last === undefined ? up : last.kind === 'slate' ? 'slate' : `frame ${last.seq}`;
          }
        }
        const { air } = state;
        if (entry.t === 'picture-closed' && air !== null) {
          const next = nextSegment(air);
          const begin = timeOfSegment(gridOf(air.fps), segmentNumber(next + 1));
          const [task] = dueEarlyTasks('final', state, milliseconds(begin - 1_000), next);
          const { opening } = task ?? {};
          const isInside = air.closed.frame <= firstFrame(gridOf(air.fps), segmentNumber(next + 1));
          const seq = opening?.kind === 'frame' ? `frame ${opening.seq}` : opening?.kind;
          compared += isInside ? 1 : 0;
          expect(isInside ? seq : up).toBe(up);
        }
      }
    }
    expect(compared).toBeGreaterThan(100);
  });

  test('need the entries that tell their places, and of sound their context', () => {
    const grid = gridOf('30');
    const n = segmentNumber(N);
    const log = airing(BEGIN + 600);
    const state = emptyChannel();
    const told = log.entries.flatMap((entry) => {
      const soFar = shownSoFar(state);
      fold(state, entry);
      return 'epoch' in entry ? shownBy(soFar, entry, state) : [];
    });
    expect(told.length).toBeGreaterThan(1);
    expect(told.every((entry) => isOfSegment(grid, n, entry))).toBe(true);
    expect(told.some((entry) => isOfSegment(grid, segmentNumber(N + 1), entry))).toBe(false);
  });
});

const worker = (id: string, part: Partial<WorkerCapacity> = {}): KnownWorker => ({
  id,
  capacity: {
    host: id,
    hostCores: 4,
    scope: id,
    scopeCores: 4,
    isGiven: true,
    otherCores: 0,
    slowness: 1,
    ...part,
  },
});

/** What a placing differs in, its numbers as they are read. */
type Part = Partial<Omit<Placing, 'broadcast' | 'n'> & { broadcast: number; n: number }>;

const task = ({ broadcast = 1, n = 10, ...part }: Part = {}): Placing => ({
  channel: 'a',
  broadcast: segmentNumber(broadcast),
  n: segmentNumber(n),
  renditions: ['720p', '360p'],
  cores: 1,
  ...part,
});
const has = (id: string, part: Part = {}): Carried => ({ ...task(part), worker: id });

describe('an early task is placed', () => {
  test('nowhere without a worker', () => {
    expect(placeEarlyTask(task(), [], [])).toBeUndefined();
  });

  test('with the worker of the segment before, which counts once', () => {
    const workers = [worker('x'), worker('y', { scopeCores: 2 })];
    expect(placeEarlyTask(task(), workers, [])).toBe('x');
    expect(placeEarlyTask(task(), workers, [has('y', { n: 9 })])).toBe('y');
    expect(placeEarlyTask(task({ cores: 2 }), workers, [has('y', { n: 9, cores: 2 })])).toBe('y');
  });

  test('elsewhere when that one is overloaded, dead, or has another broadcast of the channel', () => {
    const workers = [worker('x'), worker('y', { scopeCores: 2 })];
    const carried = [has('y', { n: 9 }), has('y', { channel: 'b', cores: 1.5 })];
    expect(placeEarlyTask(task(), workers, carried)).toBe('x');
    expect(placeEarlyTask(task(), workers, [has('dead', { n: 9 })])).toBe('x');
    expect(placeEarlyTask(task(), workers, [has('y', { n: 9, broadcast: 0 })])).toBe('x');
  });

  test('again with another worker than those that make it', () => {
    const workers = [worker('x'), worker('y')];
    expect(placeEarlyTask(task(), workers, [has('x'), has('x', { n: 9 })])).toBe('y');
    expect(placeEarlyTask(task(), workers, [has('x'), has('y')])).toBeUndefined();
  });

  test('again on another machine only, where that of those that make it is slow', () => {
    const limits = { mustFit: true, onOtherMachine: true };
    const same = { host: 'h', scope: 'h' };
    const workers = [worker('x', same), worker('y', same)];
    expect(placeEarlyTask(task(), workers, [has('x')], limits)).toBeUndefined();
    expect(placeEarlyTask(task(), [...workers, worker('z')], [has('x')], limits)).toBe('z');
  });

  test('the sound of a segment also where its pictures are made', () => {
    const sound = task({ renditions: ['audio'], cores: 0.1 });
    expect(placeEarlyTask(sound, [worker('x')], [has('x')])).toBe('x');
  });

  test('on the machine with the most room, whose workers share it', () => {
    const small = { host: 'h', scope: 'h', scopeCores: 2 };
    const workers = [worker('x', small), worker('y', small), worker('z', { scopeCores: 3 })];
    expect(placeEarlyTask(task(), workers, [])).toBe('z');
    expect(placeEarlyTask(task(), workers, [has('z', { channel: 'b', cores: 1.5 })])).toBe('x');
    const full = [has('x', { channel: 'b', cores: 2 }), has('z', { channel: 'c', cores: 2.9 })];
    expect(placeEarlyTask(task(), workers, full)).toBe('z');
    const spread = [has('z', { channel: 'b', cores: 2.5 }), has('x', { channel: 'c', cores: 0.5 })];
    expect(placeEarlyTask(task(), workers, spread)).toBe('y');
  });
});
