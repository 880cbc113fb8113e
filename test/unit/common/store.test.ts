import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openFolderStore } from '../../../common/store/folder.ts';
import type { ObjectStore } from '../../../common/store/store.ts';

let root: string;
let store: ObjectStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'touchline-store-'));
  store = openFolderStore(root);
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const text = async (body: AsyncIterable<unknown>): Promise<string> => {
  const parts: Buffer[] = [];
  for await (const part of body) {
    parts.push(Buffer.from(part as Uint8Array));
  }
  return Buffer.concat(parts).toString();
};

describe('the folder store', () => {
  test('gives back what was put, whole or in part', async () => {
    await store.put('a/b.txt', Buffer.from('0123456789'));
    expect((await store.get('a/b.txt'))?.toString()).toBe('0123456789');
    const part = await store.open('a/b.txt', { start: 2, end: 4 });
    expect(part).toMatchObject({ bytes: 3, totalBytes: 10 });
    expect(part && (await text(part.body))).toBe('234');
    expect(await store.head('a/b.txt')).toEqual({ bytes: 10 });
  });

  test('knows nothing of what was never put', async () => {
    expect(await store.get('a/none')).toBeUndefined();
    expect(await store.open('a/none')).toBeUndefined();
    expect(await store.head('a/none')).toBeUndefined();
    await store.delete('a/none');
  });

  test('lets one of many racing writers win', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        store.put('race', Buffer.from(String(i)), { ifAbsent: true }),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
    const winner = outcomes.indexOf('stored');
    expect((await store.get('race'))?.toString()).toBe(String(winner));
    expect(await readdir(join(root, '.partial'))).toEqual([]);
  });

  test('lists keys under a prefix and never half-written objects', async () => {
    await store.put('x/1/a', Buffer.from('a'));
    await store.put('x/2/b', Buffer.from('b'));
    await store.put('y/c', Buffer.from('c'));
    const keys: string[] = [];
    for await (const key of store.list('x/')) {
      keys.push(key);
    }
    expect(keys.toSorted()).toEqual(['x/1/a', 'x/2/b']);
  });

  test.each(['../up', '/abs', 'a//b', 'a/../b', '.hidden', 'a/.b', 'a/', '', 'a\0b', 'a\\b'])(
    'refuses %j as a key',
    async (key) => {
      await expect(store.put(key, Buffer.from(''))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
      await expect(store.get(key)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    },
  );
});
