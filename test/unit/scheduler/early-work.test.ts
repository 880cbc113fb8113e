import { setImmediate } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { Clock } from '#common/clock';
import type { EarlyProgress, EarlyTask, ShownEntry } from '#common/contracts/early-task';
import { gridOf } from '#common/grid';
import type { Profile } from '#common/contracts/channel';
import { createLogger } from '#common/logger';
import { milliseconds, segmentNumber } from '#common/time';
import { EarlyWork, type EarlyWorkDeps } from '../../../scheduler/leader/early-work.ts';
import type { PlacingWishes } from '../../../scheduler/leader/early-tasks.ts';
import { isOfSegment } from '../../../scheduler/plan/early.ts';
import type { DecideSettings } from '../../../scheduler/plan/decide.ts';
import { fold } from '../../../scheduler/plan/fold.ts';
import { planSegment } from '../../../scheduler/plan/plan.ts';
import { shownBy, shownSoFar } from '../../../scheduler/plan/shown.ts';
import { emptyChannel, nextSegment, type AirState } from '../../../scheduler/plan/state.ts';
import { EPOCH, LOW_LATENCY, SimulatedLog, SimulatedSession } from './simulated-feed.ts';

const N = segmentNumber(Math.ceil(EPOCH / 2000) + 1000);
const BEGIN = N * 2000;

/** The leader's side of one channel, with workers that take what they are given and do as they are told. */
class Bench {
  readonly told: ShownEntry[] = [];
  readonly ids: { readonly id: number; readonly entry: ShownEntry }[] = [];
  /** What was decided about encoders that begin anew. */
  readonly marks: Parameters<EarlyWorkDeps['mark']>[0][] = [];
  /** Fragments of each picture that are out when a segment is taken over. */
  out: readonly number[] = [];
  /** Tasks as workers were told them. */
  readonly given: EarlyTask[] = [];
  readonly placed: { readonly task: EarlyTask; readonly wishes: PlacingWishes }[] = [];
  readonly state = emptyChannel();
  readonly work: EarlyWork;
  now = BEGIN - 500;
  /** All workers are on one machine. */
  isAlone = false;
  /** There is no worker. */
  isDeserted = false;
  /** Workers that give no sign of life. */
  readonly dead = new Set<string>();
  /** Workers whose process has ended. */
  readonly away = new Set<string>();
  #worker = 0;
  #onProgress: (progress: EarlyProgress) => void = () => undefined;
  readonly #log = new SimulatedLog();
  readonly #session = new SimulatedSession('s1', {
    fps: '30',
    at: BEGIN - 500,
    keyframeEvery: 30,
    rate: 48_000,
    reorder: false,
    // Encoders send sound a little after the pictures of its time.
    behind: { sound: 300 },
  });

  readonly #settings: DecideSettings;

  constructor(before: readonly ShownEntry[] = [], profile: Profile = 'low') {
    this.#settings = { ...LOW_LATENCY, profile };
    const clock: Clock = {
      rate: 1,
      now: () => milliseconds(this.now),
      sleep: () => Promise.reject(new Error('nobody sleeps by this clock')),
    };
    this.work = new EarlyWork('final', {
      clock,
      logger: createLogger('test', 'silent'),
      lateAfterParts: 0.5,
      coresOf: () => 0,
      onChange: () => undefined,
      mark: (mark) => {
        this.marks.push(mark);
        this.#log.append({ ...mark, epoch: 1 });
        return Promise.resolve();
      },
      effects: {
        shown: (_channel, entries) => {
          for (const entry of entries) {
            this.told.push(entry);
            this.ids.push({ id: this.told.length, entry });
          }
          return Promise.resolve(`${this.told.length}-0`);
        },
        lastShown: () => Promise.resolve(before),
        restart: (_channel, renditions) =>
          Promise.resolve(renditions.map((_, i) => this.out[i] ?? 0)),
        early: async (task, _cores, wishes, prepared) => {
          this.placed.push({ task, wishes });
          if (this.isDeserted || (this.isAlone && wishes.onOtherMachine)) {
            return undefined;
          }
          this.#worker += 1;
          const worker = `w${this.#worker}`;
          this.given.push(await prepared());
          return worker;
        },
        lastHeard: (worker) => (this.dead.has(worker) ? 0 : this.now),
        isAway: (worker) => this.away.has(worker),
        onWorkerAway: () => () => undefined,
        progress: (_channel, onProgress) => {
          this.#onProgress = onProgress;
          return () => undefined;
        },
      },
    });
    this.#log.append(this.#session.begin(BEGIN - 500));
  }

  /** The feed and the leader go on until then, a tenth of a second at a time. */
  async until(time: number): Promise<void> {
    for (; this.now < time; this.now += 100) {
      this.#log.append(...this.#session.upTo(this.now));
      this.#log.lead(this.now, this.#settings);
      this.#fold();
      this.work.place(this.state);
      // What is placed is known by then.
      await setImmediate();
    }
  }

  /** Its first worker has made so many parts of a segment, and maybe more of its smallest picture and its sound. */
  made(parts: number, n = N, leastParts = parts, generation = 0): void {
    this.#onProgress({ broadcast: N, n, parts, leastParts, worker: 'w1', generation });
  }

  /** The result of a segment waits for the origin. */
  handedIn(n = N): void {
    const parts = { parts: 6, leastParts: 6 };
    this.#onProgress({ broadcast: N, n, ...parts, worker: 'w1', generation: 0, isHandedIn: true });
  }

  /** Its first worker could not go on. */
  failed(): void {
    this.#onProgress({
      broadcast: N,
      n: N,
      parts: 0,
      leastParts: 0,
      worker: 'w1',
      generation: 0,
      hasFailed: true,
    });
  }

  #fold(): void {
    for (const entry of this.#log.entries.splice(0)) {
      const before = this.state.air;
      const n = before === null ? undefined : nextSegment(before);
      const soFar = shownSoFar(this.state);
      fold(this.state, entry);
      if (entry.t === 'restart') {
        this.work.restarted(entry);
      }
      if ('epoch' in entry) {
        this.work.tell(shownBy(soFar, entry, this.state));
      }
      const air: AirState | null = this.state.air;
      if (n !== undefined && air !== null && nextSegment(air) > n) {
        this.work.closed(planSegment('final', this.state, n), air);
      }
    }
  }
}

const numbersOf = (bench: Bench): number[] => bench.placed.map(({ task }) => task.n);

test('segments are given out before they begin, each to begin at an entry before its first', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 700);
  bench.made(2);
  expect(numbersOf(bench)).toEqual([N, N + 1]);
  expect(bench.placed[0]?.task.after).toBe('0');
  expect(Number(bench.placed[1]?.task.after.split('-')[0])).toBeGreaterThan(0);
});

test('somebody stands by for what is due, once a broadcast has begun', async () => {
  const bench = new Bench();
  for (let n = N; n < N + 7; n = segmentNumber(n + 1)) {
    await bench.until(BEGIN + (n - N) * 2_000 + 700);
    bench.made(6, n);
  }
  const standby = bench.placed.filter(({ wishes }) => wishes.withStandby);
  expect(standby.map(({ task }) => task.n - N)).toEqual([5, 6, 7]);
});

test('a segment whose worker is silent is given to another at once, and to no silent one', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 300);
  bench.dead.add('w1');
  const { length } = bench.placed;
  await bench.until(BEGIN + 1_100);
  expect(bench.placed.slice(length).find(({ task }) => task.n === N)?.wishes).toEqual({
    avoided: new Set(['w1']),
    failed: new Set(),
    mustFit: false,
    onOtherMachine: false,
    withStandby: false,
  });
  expect(bench.placed.slice(length).find(({ task }) => task.n === N)?.task).toMatchObject({
    isTakenOver: true,
  });
});

test('a segment that is taken over is gone on with behind what is out; from raw chunks it is made likewise', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 900);
  bench.out = [2, 1, 0];
  bench.away.add('w1');
  await bench.until(BEGIN + 1_700);
  const { air } = bench.state;
  const [first, second] = air?.renditions ?? [];
  const from = { [first?.id ?? '']: 2, [second?.id ?? '']: 1 };
  expect(bench.marks).toEqual([{ t: 'restart', broadcast: N, n: N, generation: 1, from }]);
  // The one that was silent goes on all the same: what it tells says nothing of what counts.
  bench.made(6);
  expect(bench.work.unfinished).toBe(N);
  expect(bench.given.filter(({ n }) => n === N).map(({ restarts }) => restarts)).toEqual([
    undefined,
    [{ generation: 1, from }],
  ]);
  await bench.until(BEGIN + 3_000);
  for (let i = 1; i < 20; i += 1) {
    bench.away.add(`w${i}`);
  }
  // Nothing more came out: who takes over next makes what the one before would have.
  await bench.until(BEGIN + 9_000);
  expect(bench.marks.filter(({ n }) => n === N)).toHaveLength(1);
  const tasks = bench.work.overdue();
  expect(tasks.find(({ n }) => n === N)?.restarts).toEqual([{ generation: 1, from }]);
});

test('a segment whose worker may still live is made again whole: what that makes counts', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 900);
  bench.out = [2, 1, 0];
  bench.dead.add('w1');
  await bench.until(BEGIN + 1_700);
  const again = bench.given.filter(({ n }) => n === N);
  expect(again).toHaveLength(2);
  expect(again[1]).toMatchObject({ isTakenOver: true });
  expect(again[1]?.restarts).toBeUndefined();
  expect(bench.marks).toEqual([]);
});

test('nobody helps with what is late while all work is', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 600);
  // Its first part comes more than two thirds of a second after all of it was there, and so does the next.
  for (const [parts, at] of [
    [1, 1_300],
    [2, 1_700],
    [3, 2_100],
  ] as const) {
    await bench.until(BEGIN + at);
    bench.made(parts);
  }
  const { length } = bench.placed.filter(({ wishes }) => wishes.mustFit);
  await bench.until(BEGIN + 2_900);
  expect(bench.placed.filter(({ wishes }) => wishes.mustFit)).toHaveLength(length);
});

test('a segment whose worker makes nothing of it, but lives, is given to another machine where there is room, to any once it hangs', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 700);
  bench.made(1);
  bench.isAlone = true;
  await bench.until(BEGIN + 3_500);
  const again = bench.placed.filter(({ task }) => task.n === N);
  expect(again.map(({ wishes }) => [wishes.mustFit, wishes.onOtherMachine])).toEqual([
    [false, false],
    [true, true],
    [true, false],
  ]);
});

test('a segment whose worker fails is given out again at once, and it is said who failed', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 300);
  const { length } = bench.placed;
  bench.failed();
  await bench.until(BEGIN + 400);
  const { wishes, task } = bench.placed.slice(length)[0] ?? {};
  expect(task?.n).toBe(N);
  expect(wishes?.failed).toEqual(new Set(['w1']));
});

test('no more than a few segments are with workers at once, however late they are', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 9_000);
  expect([...new Set(numbersOf(bench))]).toEqual([N, N + 1, N + 2, N + 3]);
  expect(bench.work.nextDue(bench.state)).toBeGreaterThan(BEGIN + 9_000);
  bench.made(6);
  await bench.until(BEGIN + 9_100);
  expect(numbersOf(bench)).toContain(N + 4);
});

test('the smallest picture of what comes does not wait for larger ones that are late, up to a bound', async () => {
  const bench = new Bench();
  for (let k = 0; k < 10; k += 1) {
    await bench.until(BEGIN + k * 2_000 + 1_900);
    bench.made(0, segmentNumber(N + k), 6);
  }
  expect(new Set(numbersOf(bench))).toEqual(new Set(Array.from({ length: 8 }, (_, k) => N + k)));
});

test('a segment begins at no entry of a broadcast before', async () => {
  const bench = new Bench();
  bench.work.tell([
    { t: 'end', broadcast: segmentNumber(N - 60), last: segmentNumber(N - 40) },
    { t: 'end', broadcast: segmentNumber(N - 30), last: segmentNumber(N - 20) },
  ]);
  await bench.until(BEGIN + 700);
  expect(bench.placed.map(({ task }) => task.after)).not.toContain('0');
});

test('a segment given out when it is half over begins before the first entry of it, though sound of the one before came later', async () => {
  const bench = new Bench([], 'instant');
  await bench.until(BEGIN + 3_500);
  const again = bench.placed.findLast(({ task }) => task.n === N + 1);
  const grid = gridOf('30');
  const isOf = (entry: ShownEntry): boolean => isOfSegment(grid, segmentNumber(N + 1), entry);
  const first = bench.ids.findIndex(({ entry }) => isOf(entry));
  expect(bench.ids.slice(first).some(({ entry }) => !isOf(entry))).toBe(true);
  expect(Number(again?.task.after.split('-')[0])).toBeLessThan(bench.ids[first]?.id ?? 0);
});

test('what nobody lives to finish is to be made from raw chunks, and only then', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 3_000);
  expect(bench.work.overdue()).toEqual([]);
  bench.now = BEGIN + 3_600;
  bench.made(3);
  // Somebody goes on with it.
  expect(bench.work.overdue()).toEqual([]);
  for (let i = 1; i < 20; i += 1) {
    bench.dead.add(`w${i}`);
  }
  await bench.until(BEGIN + 7_000);
  expect(bench.work.overdue().map(({ n }) => n)).toEqual([N, N + 1]);
  expect(bench.work.overdue()).toEqual([]);
});

test('what its worker is slow with is left to it, unless it hangs', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 3_000);
  bench.now = BEGIN + 3_600;
  bench.made(3);
  bench.now = BEGIN + 13_500;
  expect(bench.work.overdue()).toEqual([]);
  bench.now = BEGIN + 13_700;
  expect(bench.work.overdue().map(({ n }) => n)).toEqual([N]);
});

test('what is finished late is on its way to the origin, and not made again at once', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 6_000);
  bench.made(6);
  expect(bench.work.overdue()).toEqual([]);
  bench.now = BEGIN + 7_900;
  expect(bench.work.overdue()).toEqual([]);
  // The origin does not take it.
  bench.now = BEGIN + 8_000;
  expect(bench.work.overdue().map(({ n }) => n)).toEqual([N]);
});

test('what was handed in is not made again, though the origin waits for one before it', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 6_000);
  bench.made(6);
  bench.handedIn(segmentNumber(N + 1));
  // Before it is known to be closed.
  bench.handedIn(segmentNumber(N + 2));
  bench.now = BEGIN + 8_000;
  expect(bench.work.overdue().map(({ n }) => n)).toEqual([N]);
  await bench.until(BEGIN + 12_000);
  expect(bench.work.overdue().map(({ n }) => n)).not.toContain(N + 2);
});

test('one that is to be made from raw chunks says nothing of those before it', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 6_000);
  bench.made(6, segmentNumber(N + 1));
  bench.made(3);
  bench.now = BEGIN + 8_000;
  expect(bench.work.overdue().map(({ n }) => n)).toEqual([N + 1]);
  expect(bench.work.overdue()).toEqual([]);
});

test('what the leader before has told is not told again', async () => {
  const first = new Bench();
  await first.until(BEGIN + 1_000);
  const told = [...first.told];
  const next = new Bench(told);
  await next.work.recall();
  await next.until(BEGIN + 1_000);
  expect(next.told).toEqual([]);
  await next.until(BEGIN + 1_500);
  const [earliest] = next.told.filter(({ t }) => t === 'pictures');
  const latest = told.findLast(({ t }) => t === 'pictures');
  expect(earliest).toMatchObject({ from: latest !== undefined && 'to' in latest && latest.to });
});

test('what is given up of a closed segment is owed, and left out of its task', async () => {
  const bench = new Bench();
  await bench.until(BEGIN + 2_900);
  const { air } = bench.state;
  if (air === null) {
    throw new Error('the feed is not on air');
  }
  bench.made(1, N, 4);
  expect(bench.work.unfinished).toBe(N);
  air.sheds.push({
    from: N,
    withheld: ['v720'],
    at: milliseconds(bench.now),
    reason: 'late',
    lateMs: 2_600,
    lateChannel: 'final',
  });
  const owed = bench.work.withhold(air);
  expect(owed.map(({ n, renditions }) => [n, renditions.map(({ id }) => id)])).toEqual([
    [N, ['v720']],
  ]);
  expect(bench.work.withhold(air)).toEqual([]);
  bench.dead.add('w1').add('w2');
  bench.now = BEGIN + 20_000;
  const [task] = bench.work.overdue();
  expect(task?.n).toBe(N);
  expect(task?.renditions.map(({ id }) => id)).not.toContain('v720');
  // As it was begun with, so that its bytes are the same.
  expect(task?.decoded).toEqual({ width: 1280, height: 720 });
});

test('segments that were due while there was no worker go to the first that comes', async () => {
  const bench = new Bench();
  bench.isDeserted = true;
  await bench.until(BEGIN + 400);
  const asked = bench.placed.length;
  expect(new Set(numbersOf(bench))).toEqual(new Set([N]));
  bench.isDeserted = false;
  await bench.until(BEGIN + 500);
  expect(bench.placed.slice(asked)).toMatchObject([{ task: { n: N, isTakenOver: true } }]);
  await bench.until(BEGIN + 800);
  expect(numbersOf(bench).filter((n) => n === N)).toHaveLength(asked + 1);
});
