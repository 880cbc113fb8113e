/** What every store must do, whatever it is made of: one suite, run over each. */
import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import pLimit from 'p-limit';
import type { ObjectStore } from '#common/store/store';

const ATTACKS = [
  ...['../up', '/abs', 'a//b', 'a/../b', '.hidden', 'a/.b', 'a/', '', 'a\0b', 'a\\b', 'a/..', '..'],
  ...['a%2fb', 'a?b', 'a#b', 'a b', 'ä', 'a\nb', `${'a/'.repeat(300)}a`],
];
/** More than one page of an S3 listing. */
const MANY = 1_050;

async function textOf(body: AsyncIterable<unknown>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of body) {
    parts.push(Buffer.from(part as Uint8Array));
  }
  return Buffer.concat(parts).toString();
}

async function keysUnder(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.list(prefix)) {
    keys.push(key);
  }
  return keys.toSorted();
}

/** Declares the tests; `store` is asked for within them. */
export function testConformance(store: () => ObjectStore): void {
  test('gives back what was put, whole', async () => {
    await store().put('whole/b.txt', Buffer.from('0123456789'));
    expect((await store().get('whole/b.txt'))?.toString()).toBe('0123456789');
    expect(await store().head('whole/b.txt')).toEqual({ bytes: 10 });
    const opened = await store().open('whole/b.txt');
    expect(opened).toMatchObject({ bytes: 10, totalBytes: 10 });
    expect(opened && (await textOf(opened.body))).toBe('0123456789');
  });

  test.each([
    { start: 2, end: 4, text: '234' },
    { start: 0, end: 0, text: '0' },
    { start: 9, end: 9, text: '9' },
    { start: 7, end: 100, text: '789' },
    { start: 10, end: 12, text: '' },
    { start: 500, end: 600, text: '' },
  ])('gives bytes $start to $end of ten as $text', async ({ start, end, text }) => {
    await store().put('part/b.txt', Buffer.from('0123456789'));
    const part = await store().open('part/b.txt', { start, end });
    expect(part).toMatchObject({ bytes: text.length, totalBytes: 10 });
    expect(part && (await textOf(part.body))).toBe(text);
  });

  test('keeps an object of no bytes', async () => {
    await store().put('empty/a', Buffer.alloc(0));
    expect(await store().head('empty/a')).toEqual({ bytes: 0 });
    expect(await store().get('empty/a')).toEqual(Buffer.alloc(0));
    const opened = await store().open('empty/a', { start: 0, end: 9 });
    expect(opened).toMatchObject({ bytes: 0, totalBytes: 0 });
    expect(opened && (await textOf(opened.body))).toBe('');
  });

  test('replaces an object whole, and not at all when only its absence is wanted', async () => {
    expect(await store().put('again/a', Buffer.from('a longer first'))).toBe('stored');
    expect(await store().put('again/a', Buffer.from('second'))).toBe('stored');
    expect(await store().put('again/a', Buffer.from('third'), { ifAbsent: true })).toBe('exists');
    expect((await store().get('again/a'))?.toString()).toBe('second');
  });

  test('knows nothing of what was never put', async () => {
    expect(await store().get('none/a')).toBeUndefined();
    expect(await store().open('none/a')).toBeUndefined();
    expect(await store().open('none/a', { start: 1, end: 2 })).toBeUndefined();
    expect(await store().head('none/a')).toBeUndefined();
    expect(await keysUnder(store(), 'none/')).toEqual([]);
    await store().delete('none/a');
  });

  test('forgets what was deleted, and takes it again', async () => {
    await store().put('gone/a', Buffer.from('a'));
    await store().delete('gone/a');
    expect(await store().get('gone/a')).toBeUndefined();
    expect(await keysUnder(store(), 'gone/')).toEqual([]);
    expect(await store().put('gone/a', Buffer.from('b'), { ifAbsent: true })).toBe('stored');
  });

  test('lets one of many racing writers win', async () => {
    for (const race of ['race/1', 'race/2', 'race/3']) {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          store().put(race, Buffer.from(String(i)), { ifAbsent: true }),
        ),
      );
      expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
      expect((await store().get(race))?.toString()).toBe(String(outcomes.indexOf('stored')));
    }
  });

  test('lists every key under a prefix, beyond a page, and none beside it', async () => {
    const keys = Array.from({ length: MANY }, (_, i) => `list/${i % 7}/${i}.json`);
    const limit = pLimit(64);
    await limit.map(keys, (key) => store().put(key, Buffer.from('x')));
    await store().put('list-beside/a', Buffer.from('x'));
    expect(await keysUnder(store(), 'list/')).toEqual(keys.toSorted());
    expect(await keysUnder(store(), 'list/3/')).toEqual(
      keys.filter((key) => key.startsWith('list/3/')).toSorted(),
    );
  });

  test('carries an object of 24 MiB, whole and in ranges', async () => {
    const body = randomBytes(24 * 1024 ** 2);
    await store().put('large/a.mp4', body, { contentType: 'video/mp4' });
    const whole = await store().get('large/a.mp4');
    expect(whole?.equals(body)).toBe(true);
    const range = { start: 9_000_000, end: 9_999_999 };
    const part = await store().open('large/a.mp4', range);
    const parts: Buffer[] = [];
    for await (const chunk of part?.body ?? []) {
      parts.push(Buffer.from(chunk as Uint8Array));
    }
    expect(Buffer.concat(parts).equals(body.subarray(range.start, range.end + 1))).toBe(true);
  });

  test('gives up when it is told to, and keeps no half object', async () => {
    const signal = AbortSignal.abort();
    const body = Buffer.alloc(1024 ** 2);
    await expect(store().put('abort/a', body, { signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    await store().put('abort/b', body);
    await expect(store().get('abort/b', { signal })).rejects.toMatchObject({ code: 'ABORTED' });
    const underWay = new AbortController();
    const put = store().put('abort/c', randomBytes(24 * 1024 ** 2), { signal: underWay.signal });
    setImmediate(() => {
      underWay.abort();
    });
    await put.catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'ABORTED' });
    });
    const kept = await store().head('abort/c');
    expect([undefined, 24 * 1024 ** 2]).toContain(kept?.bytes);
  });

  test.each(ATTACKS)('refuses %j as a key', async (key) => {
    const refused = { code: 'BAD_REQUEST' };
    await expect(store().put(key, Buffer.from(''))).rejects.toMatchObject(refused);
    await expect(store().get(key)).rejects.toMatchObject(refused);
    await expect(store().open(key)).rejects.toMatchObject(refused);
    await expect(store().head(key)).rejects.toMatchObject(refused);
    await expect(store().delete(key)).rejects.toMatchObject(refused);
  });

  test.each(['', 'a', '../', '/', 'a//', '.a/', 'a/../'])(
    'refuses %j as a prefix',
    async (prefix) => {
      await expect(keysUnder(store(), prefix)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    },
  );
}
