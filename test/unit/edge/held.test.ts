import { expect, test } from '@jest/globals';
import { Held, MAX_HELD, MAX_HELD_OF_ADDRESS } from '../../../edge/held.ts';

const enterAll = (held: Held, count: number, address: string): ((() => void) | undefined)[] =>
  Array.from({ length: count }, () => held.enter(address));

test('asked for ten times its places, one address has half of them, and all have no more than there are', () => {
  const held = new Held();
  const places = enterAll(held, 10 * MAX_HELD, '192.0.2.1');
  expect(held.count).toBe(MAX_HELD_OF_ADDRESS);
  expect(places.filter((leave) => leave !== undefined)).toHaveLength(MAX_HELD_OF_ADDRESS);
  for (let host = 2; host < 200; host += 1) {
    enterAll(held, 1_000, `192.0.2.${host}`);
  }
  expect(held.count).toBe(MAX_HELD);
  expect(held.enter('198.51.100.1')).toBeUndefined();
  expect(held.refused).toBeGreaterThan(9 * MAX_HELD);
  for (const leave of [...places, ...places]) {
    leave?.();
  }
  expect(held.count).toBe(MAX_HELD - MAX_HELD_OF_ADDRESS);
  expect(held.enter('192.0.2.1')).toBeDefined();
});
