import { expect, test } from '@jest/globals';
import { Turns, type FirstServed } from '../../../transcoder/early/turns.ts';

/** An encoder of small pictures, and one of large ones that waits for its turn. */
class Bench {
  now = 0;
  isBehind = false;
  readonly small: FirstServed = { isBehind: () => this.isBehind };
  readonly turns = new Turns(() => this.now);
  readonly stop = new AbortController();
  had = 0;

  async wait(): Promise<void> {
    void this.turns.turn(this.stop.signal).then(() => {
      this.had += 1;
    });
    await this.settle();
  }

  async settle(): Promise<void> {
    await new Promise(setImmediate);
  }
}

test('who makes large pictures waits while somebody lacks frames of small ones', async () => {
  const bench = new Bench();
  bench.turns.took(bench.small);
  await bench.wait();
  expect(bench.had).toBe(1);
  bench.isBehind = true;
  await bench.wait();
  bench.turns.took(bench.small);
  await bench.settle();
  expect(bench.had).toBe(1);
  bench.isBehind = false;
  bench.turns.took(bench.small);
  await bench.settle();
  expect(bench.had).toBe(2);
});

test('who hangs, is gone, or is waited for by nobody holds up nobody', async () => {
  const bench = new Bench();
  bench.turns.took(bench.small);
  bench.isBehind = true;
  await bench.wait();
  expect(bench.had).toBe(0);
  bench.now = 1_500;
  bench.turns.look();
  await bench.settle();
  expect(bench.had).toBe(1);
  bench.turns.took(bench.small);
  await bench.wait();
  expect(bench.had).toBe(1);
  bench.turns.leave(bench.small);
  await bench.settle();
  expect(bench.had).toBe(2);
  bench.turns.took(bench.small);
  await bench.wait();
  bench.stop.abort();
  await bench.settle();
  expect(bench.had).toBe(3);
});

test('who makes large pictures waits as well until somebody else has gone before, asked again when one looks', async () => {
  const { turns, stop } = new Bench();
  let mayGo = false;
  let had = 0;
  void turns
    .turn(stop.signal, () => mayGo)
    .then(() => {
      had += 1;
    });
  turns.look();
  await new Promise(setImmediate);
  expect(had).toBe(0);
  mayGo = true;
  turns.look();
  await new Promise(setImmediate);
  expect(had).toBe(1);
});
