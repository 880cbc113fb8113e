import { describe, expect, test } from '@jest/globals';
import { FeedGate, idleCores } from '../../helpers/feed-gate.ts';

describe('the gate for feeds in real time', () => {
  test('counts idle cores from two readings', () => {
    const before = { idle: 1_000, all: 10_000 };
    expect(idleCores(before, { idle: 1_000 + 6_000, all: 10_000 + 8_000 }, 2)).toBe(1.5);
    expect(idleCores(before, { idle: 1_000, all: 18_000 }, 2)).toBe(0);
    expect(idleCores(before, before, 2)).toBe(0);
  });

  test('lets one in at once, the next when it is done, in order, whatever the machine does', async () => {
    const gate = new FeedGate();
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
  });
});
