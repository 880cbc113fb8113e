import { describe, expect, test } from '@jest/globals';
import { idleCores, MachineGate } from '../../../scripts/jest/machine-gate.mjs';

describe('the gate for work in real time', () => {
  test('counts idle cores from two readings', () => {
    const before = { idle: 1_000, all: 10_000 };
    expect(idleCores(before, { idle: 1_000 + 6_000, all: 10_000 + 8_000 }, 2)).toBe(1.5);
    expect(idleCores(before, { idle: 1_000, all: 18_000 }, 2)).toBe(0);
    expect(idleCores(before, before, 2)).toBe(0);
  });

  test('lets one in at once, the next when it is done, in order, on a machine that is never idle', async () => {
    const gate = new MachineGate(0.5, () => new Promise(() => undefined));
    const order: string[] = [];
    const done = ['a', 'b', 'c'].map((name) =>
      gate.run(async () => {
        order.push(name);
        await Promise.resolve();
        if (name === 'b') {
          throw new Error('b fails');
        }
      }),
    );
    const outcomes = await Promise.allSettled(done);
    expect(order).toEqual(['a', 'b', 'c']);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(gate.most).toBe(1);
  });

  test('lets the next one in beside the others when enough cores are idle', async () => {
    const readings = [0.4, 1.1, 0.9, 1.2];
    const gate = new MachineGate(1, () => Promise.resolve(readings.shift() ?? 0));
    await gate.enter();
    await gate.enter();
    expect(readings).toEqual([0.9, 1.2]);
    await gate.enter();
    expect(readings).toEqual([]);
    expect(gate.most).toBe(3);
  });

  test('always lets so many in as it is told, whatever is idle', async () => {
    const gate = new MachineGate(1, () => new Promise(() => undefined), 2);
    const leave = await gate.enter();
    await gate.enter();
    const third = gate.enter();
    await new Promise(setImmediate);
    expect(gate.most).toBe(2);
    leave();
    await third;
    expect(gate.most).toBe(2);
  });

  test('counts once who leaves before its work is done', async () => {
    const gate = new MachineGate(1, () => new Promise(() => undefined));
    const order: string[] = [];
    let finish = (): void => undefined;
    const first = gate.run(async (leave) => {
      leave();
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      order.push('first is done');
    });
    const leaveSecond = await gate.enter();
    const third = gate.enter().then(() => order.push('third is in'));
    finish();
    await first;
    await new Promise(setImmediate);
    expect(order).toEqual(['first is done']);
    leaveSecond();
    await third;
    expect(gate.most).toBe(1);
  });

  test('keeps who must be alone apart, however idle the machine is', async () => {
    const gate = new MachineGate(1, () => new Promise((resolve) => setImmediate(resolve, 2)));
    const order: string[] = [];
    const first = await gate.enter();
    const alone = gate.enter({ isAlone: true }).then((leave) => {
      order.push('alone');
      return leave;
    });
    const last = gate.enter().then((leave) => {
      order.push('last');
      return leave;
    });
    await new Promise(setImmediate);
    expect(order).toEqual([]);
    first();
    const leaveAlone = await alone;
    await new Promise(setImmediate);
    expect(order).toEqual(['alone']);
    leaveAlone();
    (await last)();
    expect(order).toEqual(['alone', 'last']);
    expect(gate.most).toBe(1);
  });
});
