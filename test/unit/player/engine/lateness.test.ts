import { expect, test } from '@jest/globals';
import { Lateness } from '../../../../player/engine/lateness.ts';

const FRAME = 1 / 30;

function feed(lateness: Lateness, from: number, to: number, late: number): void {
  for (let at = from; at < to; at += FRAME) {
    lateness.note(at, late);
  }
}

test('nothing is known before the first, and after forgetting', () => {
  const lateness = new Lateness();
  expect([lateness.usual, lateness.latest]).toEqual([undefined, undefined]);
  feed(lateness, 100, 105, 0.2);
  expect([lateness.usual, lateness.latest]).toEqual([0.2, 0.2]);
  lateness.forget();
  expect([lateness.usual, lateness.latest]).toEqual([undefined, undefined]);
});

test('one late fragment is reckoned with for a while, and is not usual', () => {
  const lateness = new Lateness();
  feed(lateness, 100, 110, 0.2);
  lateness.note(110, 0.6);
  expect([lateness.usual, lateness.latest]).toEqual([0.2, 0.6]);
  feed(lateness, 110, 129, 0.2);
  expect(lateness.latest).toBe(0.6);
  feed(lateness, 129, 133, 0.2);
  expect(lateness.latest).toBe(0.2);
});

test('an outage is not reckoned with, what lasts is', () => {
  const lateness = new Lateness();
  feed(lateness, 100, 110, 0.2);
  feed(lateness, 110, 111, 2);
  feed(lateness, 111, 112, 0.2);
  expect(lateness.latest).toBe(0.2);
  feed(lateness, 112, 116.1, 2);
  expect(lateness.latest).toBe(2);
});

test('an outage lasts until fragments come as usual: what is caught up with is none of its spread', () => {
  const lateness = new Lateness();
  feed(lateness, 100, 110, 0.2);
  feed(lateness, 110, 111, 1);
  feed(lateness, 111, 112, 0.6);
  expect(lateness.latest).toBe(0.2);
  feed(lateness, 112, 113, 0.2);
  feed(lateness, 113, 114, 0.6);
  expect(lateness.latest).toBe(0.6);
});

test('a way that has become a little longer since an outage is usual after a while', () => {
  const lateness = new Lateness();
  feed(lateness, 100, 110, 0.2);
  feed(lateness, 110, 111, 1);
  feed(lateness, 111, 140, 0.5);
  expect([lateness.usual, lateness.latest]).toEqual([0.5, 0.5]);
  expect(lateness.isOutage).toBe(false);
});
