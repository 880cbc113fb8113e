import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { bytesByFolder, bytesUnder } from '../../soak/disk.ts';

test('bytes are counted by folder, however deep, without the skipped', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'touchline-disk-'));
  try {
    await mkdir(path.join(folder, 'logs', 'a', 'b'), { recursive: true });
    await mkdir(path.join(folder, 'store'));
    await writeFile(path.join(folder, 'logs', 'one'), Buffer.alloc(100));
    await writeFile(path.join(folder, 'logs', 'a', 'b', 'two'), Buffer.alloc(23));
    await writeFile(path.join(folder, 'store', 'three'), Buffer.alloc(7));
    await writeFile(path.join(folder, 'key'), Buffer.alloc(5));
    await writeFile(path.join(folder, 'lock'), Buffer.alloc(6));
    expect(await bytesByFolder(folder, ['store'])).toEqual(
      new Map([
        ['files', 11],
        ['logs', 123],
      ]),
    );
    expect(await bytesUnder(path.join(folder, 'nowhere'))).toBe(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
