import { describe, expect, test } from '@jest/globals';
import { FairOrder } from '../../../scheduler/leader/fair-order.ts';
import { seeded } from '../../helpers/seeded.ts';

/** A queue as BullMQ has it: the lowest place first, equal ones by arrival. */
class Queue {
  readonly order = new FairOrder();
  readonly #waiting: { readonly id: string; readonly place: number }[] = [];

  add(id: string, channel: string): void {
    this.#waiting.push({ id, place: this.order.begin(id, channel) });
    this.#waiting.sort((a, b) => a.place - b.place);
  }

  take(): string | undefined {
    return this.#waiting.shift()?.id;
  }
}

describe('the order of tasks', () => {
  test('lets one channel wait for at most one task of the backlog of another', () => {
    const queue = new Queue();
    for (let n = 0; n < 100; n += 1) {
      queue.add(`a-${n}`, 'a');
    }
    const inWork = queue.take();
    queue.add('b-0', 'b');
    expect(inWork).toBe('a-0');
    expect([queue.take(), queue.take()]).toContain('b-0');
  });

  test('never lets a newer number of a channel pass an older one, whatever comes and goes', () => {
    const random = seeded(11);
    const queue = new Queue();
    const next = new Map<string, number>();
    const done = new Map<string, number>();
    let longest = 0;
    for (let step = 0; step < 5_000; step += 1) {
      // For a while more comes than goes, then the other way round.
      const channel = `c${Math.floor(random() * 3)}`;
      if (random() < (step % 1_000 < 500 ? 0.6 : 0.4)) {
        const n = next.get(channel) ?? 0;
        next.set(channel, n + 1);
        queue.add(`${channel}-${n}`, channel);
      } else {
        const id = queue.take();
        if (id !== undefined) {
          const [of = '', n = ''] = id.split('-');
          expect(Number(n)).toBe(done.get(of) ?? 0);
          done.set(of, Number(n) + 1);
          queue.order.end(id);
        }
      }
      longest = Math.max(longest, ...queue.order.counts.values());
    }
    expect(longest).toBeGreaterThan(20);
  });

  test('begins anew once nothing is open, and goes on from the places of a leader before', () => {
    const order = new FairOrder();
    expect([order.begin('a-1', 'a'), order.begin('a-2', 'a')]).toEqual([1, 2]);
    order.end('a-1');
    order.end('a-2');
    order.end('a-2');
    expect(order.counts.size).toBe(0);
    expect(order.begin('a-3', 'a')).toBe(1);
    expect(order.begin('b-7', 'b', 40)).toBe(40);
    expect(order.begin('b-8', 'b')).toBe(41);
    expect(order.begin('b-8', 'b')).toBe(41);
  });
});
