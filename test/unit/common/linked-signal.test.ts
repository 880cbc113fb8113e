import { getEventListeners } from 'node:events';
import { expect, test } from '@jest/globals';
import { linkSignals } from '#common/linked-signal';

test('aborts with the first of its sources, and with one that has aborted already', () => {
  const a = new AbortController();
  const b = new AbortController();
  const linked = linkSignals([a.signal, b.signal]);
  expect(linked.signal.aborted).toBe(false);
  b.abort('why');
  expect(linked.signal.reason).toBe('why');
  expect(linkSignals([a.signal, b.signal]).signal.reason).toBe('why');
});

test('aborts when the time is up', async () => {
  const linked = linkSignals([new AbortController().signal], 1);
  // The limit itself keeps no process alive.
  const alive = setInterval(() => undefined, 1_000);
  await new Promise((resolve) => {
    linked.signal.addEventListener('abort', resolve);
  });
  clearInterval(alive);
  expect(linked.signal.reason).toMatchObject({ name: 'TimeoutError' });
});

test('a source that lives on keeps nothing of ten thousand released followers', () => {
  const source = new AbortController();
  const before = Reflect.ownKeys(source.signal).length;
  for (let i = 0; i < 10_000; i += 1) {
    linkSignals([source.signal], 60_000).release();
  }
  expect(getEventListeners(source.signal, 'abort')).toHaveLength(0);
  // Node keeps followers made by AbortSignal.any in a set behind a symbol of the source.
  const sets = Object.getOwnPropertySymbols(source.signal).flatMap((symbol) => {
    const value: unknown = Reflect.get(source.signal, symbol);
    return value instanceof Set ? [value.size] : [];
  });
  expect(sets).toEqual(sets.map(() => 0));
  expect(Reflect.ownKeys(source.signal).length - before).toBeLessThan(5);
});

test('once released nothing aborts it', () => {
  const source = new AbortController();
  const linked = linkSignals([source.signal]);
  linked.release();
  source.abort();
  expect(linked.signal.aborted).toBe(false);
});

test('a hundred followers at once are no reason for a warning', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => {
    warnings.push(warning);
  };
  process.on('warning', note);
  const source = new AbortController();
  const linked = Array.from({ length: 100 }, () => linkSignals([source.signal]));
  await new Promise(setImmediate);
  process.off('warning', note);
  expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([]);
  source.abort();
  expect(linked.every(({ signal }) => signal.aborted)).toBe(true);
});
