/** What the S3 store does when its server answers 503, is slow, hangs, or is cut off: one suite, a proxy in front. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { S3Settings } from '#common/store/s3-client';
import { openS3Store } from '#common/store/s3';
import type { ObjectStore } from '#common/store/store';
import { startFaultProxy, type FaultProxy } from '../helpers/fault-proxy.ts';

const LIMITS = { requestMs: 1_500, readTryMs: 400, idleMs: 1_000, running: 4, waiting: 8 };
const BODY = randomBytes(300_000);

/** Declares the tests; the settings are asked for before them. */
export function testFaults(settings: () => S3Settings): void {
  let proxy: FaultProxy;
  let store: ObjectStore;

  beforeAll(async () => {
    proxy = await startFaultProxy(settings().endpoint, 20_261_125);
    store = openS3Store({ ...settings(), endpoint: proxy.url }, LIMITS);
  });

  beforeEach(async () => {
    proxy.set({});
    await store.put('faults/a', BODY);
  });

  afterAll(async () => {
    await store.close();
    await proxy.close();
  });

  const count = async (work: () => Promise<unknown>): Promise<number> => {
    const before = proxy.counts.requests;
    await work().catch(() => undefined);
    return proxy.counts.requests - before;
  };

  test('tries a write once, because its caller owns the retry, and a read three times', async () => {
    proxy.set({ refused: 1 });
    expect(await count(() => store.put('faults/b', BODY))).toBe(1);
    expect(await count(() => store.delete('faults/b'))).toBe(1);
    expect(await count(() => store.get('faults/a'))).toBe(3);
    expect(await count(() => store.head('faults/a'))).toBe(3);
    await expect(store.get('faults/a')).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('503'),
    });
  });

  test('reads through 20 % of requests answered 503', async () => {
    proxy.set({ refused: 0.2 });
    let failures = 0;
    for (let i = 0; i < 30; i += 1) {
      await store.get('faults/a').catch(() => (failures += 1));
    }
    // Three tries in a row fail with a chance of 0.8 %.
    expect(failures).toBeLessThanOrEqual(1);
    expect(proxy.counts.refused).toBeGreaterThan(5);
  });

  test('does not ask again for what is not there', async () => {
    expect(await count(() => store.get('faults/none'))).toBe(1);
  });

  test('gives a request up at its deadline when the server hangs', async () => {
    proxy.set({ isHanging: true });
    const failures = await Promise.all(
      [
        store.put('faults/c', BODY),
        store.put('faults/c', BODY, { ifAbsent: true }),
        store.get('faults/a'),
        store.open('faults/a'),
        store.head('faults/a'),
        store.list('faults/')[Symbol.asyncIterator]().next(),
      ].map((work) =>
        work.then(
          () => 'no failure',
          (error: unknown) => error,
        ),
      ),
    );
    expect(failures).toEqual(failures.map(() => expect.objectContaining({ code: 'STORE_FAILED' })));
    proxy.set({});
    expect((await store.get('faults/a'))?.equals(BODY)).toBe(true);
  });

  test('reads again on another connection when one hangs', async () => {
    proxy.set({ hangNext: 1 });
    const hung = proxy.counts.hung;
    expect((await store.get('faults/a'))?.equals(BODY)).toBe(true);
    expect(proxy.counts.hung).toBe(hung + 1);
  });

  test('bounds what waits for a server that hangs, ten times over', async () => {
    proxy.set({ isHanging: true });
    const many = 10 * (LIMITS.running + LIMITS.waiting);
    const codes = await Promise.all(
      Array.from({ length: many }, (_, i) =>
        store.put(`faults/many/${i}`, BODY).then(
          () => 'stored',
          (error: unknown) => Reflect.get(Object(error), 'code') as string,
        ),
      ),
    );
    expect(codes.filter((code) => code === 'OVERLOADED')).toHaveLength(
      many - LIMITS.running - LIMITS.waiting,
    );
    expect(codes).not.toContain('stored');
    proxy.set({});
    expect(await store.put('faults/many/after', BODY)).toBe('stored');
  });

  test('never gives half an object for a whole one', async () => {
    proxy.set({ cutAnswers: 1 });
    await expect(store.get('faults/a')).rejects.toMatchObject({ code: 'STORE_FAILED' });
    const opened = await store.open('faults/a');
    const readAll = async (): Promise<void> => {
      for await (const _part of opened?.body ?? []) {
        // Only the end matters.
      }
    };
    await expect(readAll()).rejects.toThrow();
    proxy.set({ cutAnswers: 0.5 });
    const seen = await Promise.all(
      Array.from({ length: 4 }, () => store.get('faults/a').catch(() => undefined)),
    );
    expect(seen.every((bytes) => bytes === undefined || bytes.equals(BODY))).toBe(true);
  });

  test('keeps nothing of a write that was cut off', async () => {
    proxy.set({ cutRequests: 1 });
    await expect(store.put('faults/half', BODY)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    proxy.set({});
    expect(await store.get('faults/half')).toBeUndefined();
    expect(await store.put('faults/half', BODY, { ifAbsent: true })).toBe('stored');
  });

  test('finds its own write when the answer to it was lost', async () => {
    proxy.set({ lostAnswers: 1 });
    const once = store.put('faults/lost', BODY, { ifAbsent: true });
    await expect(once).rejects.toMatchObject({ code: 'STORE_FAILED' });
    proxy.set({});
    expect(await store.put('faults/lost', BODY, { ifAbsent: true })).toBe('exists');
    expect((await store.get('faults/lost'))?.equals(BODY)).toBe(true);
  });

  test('lets a body that is read slowly live longer than a request, until nothing moves', async () => {
    await store.put('faults/slow', randomBytes(8_000_000));
    const opened = await store.open('faults/slow');
    const ended = new Promise((resolve) => opened?.body.once('close', resolve));
    opened?.body.on('error', () => undefined).once('readable', () => undefined);
    await ended;
    expect(await store.put('faults/after', BODY)).toBe('stored');
  });

  test('frees every place of bodies that are read or dropped', async () => {
    for (let i = 0; i < 3 * (LIMITS.running + LIMITS.waiting); i += 1) {
      const opened = await store.open('faults/a');
      opened?.body.on('error', () => undefined).destroy();
    }
    expect((await store.get('faults/a'))?.equals(BODY)).toBe(true);
  });
}
