import { expect, test } from '@jest/globals';
import { frameIndex } from '#common/time';
import { StartOrder } from '../../../transcoder/early/start-order.ts';

const FRAMES = 60;
const MOST_TOLD = 30;

/** Segments by number, of which one may be being caught up with. */
class Bench {
  catchingUp: number | undefined;
  readonly started: number[] = [];
  readonly stop = new AbortController();
  readonly order = new StartOrder(
    (before) => this.catchingUp !== undefined && this.catchingUp * FRAMES < before,
  );

  async start(n: number, isTakenOver = false): Promise<void> {
    const starting = { first: frameIndex(n * FRAMES), isTakenOver, mostTold: MOST_TOLD };
    const begin = async (): Promise<void> => {
      const done = await this.order.turn(starting, this.stop.signal);
      this.started.push(n);
      if (isTakenOver) {
        this.catchingUp = n;
      }
      done();
    };
    void begin();
    await this.settle();
  }

  async settle(): Promise<void> {
    await new Promise(setImmediate);
  }
}

test('segments are started as they come while nothing was taken over', async () => {
  const bench = new Bench();
  await bench.start(1);
  await bench.start(2);
  expect(bench.started).toEqual([1, 2]);
});

test('what comes after a segment that was taken over waits until that is caught up with, one by one', async () => {
  const bench = new Bench();
  await Promise.all([bench.start(1, true), bench.start(2, true), bench.start(3)]);
  expect(bench.started).toEqual([1]);
  bench.order.look();
  await bench.settle();
  expect(bench.started).toEqual([1]);
  bench.catchingUp = undefined;
  bench.order.look();
  await bench.settle();
  // The second is caught up with now.
  expect(bench.started).toEqual([1, 2]);
  bench.catchingUp = undefined;
  bench.order.look();
  await bench.settle();
  expect(bench.started).toEqual([1, 2, 3]);
});

test('what comes before one that is caught up with is started at once', async () => {
  const bench = new Bench();
  await bench.start(2, true);
  await bench.start(1, true);
  expect(bench.started).toEqual([2, 1]);
});

test('nobody waits longer than until half of his segment is told', async () => {
  const bench = new Bench();
  await bench.start(1, true);
  await bench.start(2);
  bench.order.told(frameIndex(2 * FRAMES + MOST_TOLD));
  await bench.settle();
  expect(bench.started).toEqual([1]);
  bench.order.told(frameIndex(2 * FRAMES + MOST_TOLD + 1));
  await bench.settle();
  expect(bench.started).toEqual([1, 2]);
});

test('who is dropped waits no longer', async () => {
  const bench = new Bench();
  await bench.start(1, true);
  await bench.start(2);
  bench.stop.abort();
  await bench.settle();
  expect(bench.started).toEqual([1, 2]);
});
