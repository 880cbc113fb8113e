import { afterEach, expect, test } from '@jest/globals';
import { createClock } from '#common/clock';
import { storeKeys } from '#common/contracts/names';
import type { Task } from '#common/contracts/task';
import { createLogger } from '#common/logger';
import { frameIndex, milliseconds, segmentNumber } from '#common/time';
import { startOwedWork, type OwedWork } from '../../../scheduler/leader/owed-work.ts';
import { planFiller } from '../../../scheduler/plan/plan.ts';
import { eventually } from '../../helpers/poll.ts';

const BROADCAST = segmentNumber(897_000_000);
const taskOf = (k: number): Task =>
  planFiller({
    channel: 'cup',
    broadcast: BROADCAST,
    n: segmentNumber(BROADCAST + k),
    fps: '30',
    profile: 'low',
    hash: '',
    deadline: milliseconds(0),
    renditions: [
      {
        kind: 'video',
        id: 'v720',
        width: 1280,
        height: 720,
        maxBitrateBps: 1_000_000,
        preset: 'veryfast',
        codecs: 'avc1.64001f',
      },
    ],
    video: [{ kind: 'slate', from: frameIndex(0) }],
    sound: [],
  });
const owedKey = ({ channel, broadcast, n }: Task): string => storeKeys.owed(channel, broadcast, n);
const madeKey = ({ channel, broadcast, n }: Task): string =>
  storeKeys.completion(channel, broadcast, n);

/** A store, and workers that take what they are given and make it when they are told. */
class Bench {
  readonly objects = new Map<string, Buffer>();
  readonly given: Task[] = [];
  readonly open = new Set<number>();
  atOnce = 1;

  start(): OwedWork {
    const { objects } = this;
    return startOwedWork({
      // A second of its clock is ten milliseconds.
      clock: createClock({ rate: 100, origin: performance.timeOrigin }),
      logger: createLogger('test', 'silent'),
      atOnce: () => Promise.resolve(this.atOnce),
      store: {
        get: (key) => Promise.resolve(objects.get(key)),
        head: (key) => Promise.resolve(objects.has(key) ? { bytes: 1 } : undefined),
        delete: (key) => {
          objects.delete(key);
          return Promise.resolve();
        },
        async *list(prefix) {
          await Promise.resolve();
          yield* [...objects.keys()].filter((key) => key.startsWith(prefix));
        },
      },
      transcode: {
        addOwed: (task) => {
          this.given.push(task);
          this.open.add(task.n);
          return Promise.resolve();
        },
        isOwedOpen: (_channel, n) => this.open.has(n),
      },
    });
  }

  keep(task: Task): void {
    this.objects.set(owedKey(task), Buffer.from(JSON.stringify(task)));
  }

  /** What was given last is made, or ends without being made. */
  finish(isMade: boolean): void {
    const task = this.given.at(-1);
    if (task !== undefined) {
      this.open.delete(task.n);
      if (isMade) {
        this.objects.set(madeKey(task), Buffer.from('{}'));
      }
    }
  }

  gave(count: number): Promise<true> {
    return eventually(`${count} given`, () =>
      Promise.resolve(this.given.length >= count ? true : undefined),
    );
  }
}

let work: OwedWork | undefined;
afterEach(() => work?.close());

test('what is owed is made one after another, the oldest first, also what a leader before has left', async () => {
  const bench = new Bench();
  bench.keep(taskOf(2));
  bench.keep(taskOf(1));
  work = bench.start();
  await bench.gave(1);
  bench.keep(taskOf(3));
  work.owe(taskOf(3));
  bench.finish(true);
  await bench.gave(2);
  bench.finish(true);
  await bench.gave(3);
  bench.finish(true);
  const { count } = work;
  expect(count).toBeLessThanOrEqual(1);
  await eventually('nothing to be owed', () =>
    Promise.resolve(work?.count === 0 ? true : undefined),
  );
  expect(bench.given.map(({ n }) => n - BROADCAST)).toEqual([1, 2, 3]);
  expect([...bench.objects.keys()].filter((key) => key.startsWith('owed/'))).toEqual([]);
});

test('as much is made at once as there is room for', async () => {
  const bench = new Bench();
  bench.atOnce = 2;
  [1, 2, 3].forEach((k) => {
    bench.keep(taskOf(k));
  });
  work = bench.start();
  await bench.gave(2);
  bench.finish(true);
  await bench.gave(3);
  expect(bench.open.size).toBe(2);
});

test('nothing is made while there is no room', async () => {
  const bench = new Bench();
  bench.atOnce = 0;
  bench.keep(taskOf(1));
  work = bench.start();
  await eventually('it to be known', () => Promise.resolve(work?.count === 1 ? true : undefined));
  expect(bench.given).toEqual([]);
  bench.atOnce = 1;
  await bench.gave(1);
});

test('what was made by a leader before is only forgotten; what cannot be made is left in the store after some times', async () => {
  const bench = new Bench();
  const made = taskOf(1);
  bench.keep(made);
  bench.objects.set(madeKey(made), Buffer.from('{}'));
  bench.keep(taskOf(2));
  work = bench.start();
  for (const times of [1, 2, 3]) {
    await bench.gave(times);
    bench.finish(false);
  }
  await eventually('it to be left', () => Promise.resolve(work?.count === 0 ? true : undefined));
  expect(bench.given.map(({ n }) => n - BROADCAST)).toEqual([2, 2, 2]);
  expect([...bench.objects.keys()]).toEqual([madeKey(made), owedKey(taskOf(2))]);
});
