import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { takeLock } from '../../../supervisor/lock.ts';
import { identify } from '#common/process-identity';

let folder: string;
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'touchline-lock-'));
  children = [];
});

afterEach(() => {
  for (const child of children) {
    child.kill('SIGKILL');
  }
  rmSync(folder, { recursive: true });
});

const lockFile = (): string => join(folder, 'lock');

async function longRunning(): Promise<number> {
  const child = spawn('sleep', ['600'], { detached: true });
  children.push(child);
  await once(child, 'spawn');
  return child.pid ?? 0;
}

async function ended(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe('the lock of a data folder', () => {
  test('refuses a second holder with a message that names the first and the way out', async () => {
    const lock = await takeLock(folder);
    await expect(takeLock(folder)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringMatching(new RegExp(`process ${process.pid}.*DATA_DIR`)),
    });
    await lock.close();
  });

  test('leaves no file behind and can be taken again', async () => {
    await (await takeLock(folder)).close();
    expect(existsSync(lockFile())).toBe(false);
    const again = await takeLock(folder);
    expect(again.isTakenOver).toBe(false);
    expect(statSync(lockFile()).mode & 0o777).toBe(0o600);
    await again.close();
  });

  test('is taken over from a holder that is gone', async () => {
    const stale = { pid: await ended(), started: '1', children: [] };
    writeFileSync(lockFile(), JSON.stringify(stale));
    const lock = await takeLock(folder);
    expect(lock.isTakenOver).toBe(true);
    expect(JSON.parse(readFileSync(lockFile(), 'utf8'))).toMatchObject({ pid: process.pid });
    await lock.close();
  });

  test('is taken over when another process has got the old process id', async () => {
    const stale = { pid: await longRunning(), started: 'another time', children: [] };
    writeFileSync(lockFile(), JSON.stringify(stale));
    await (await takeLock(folder)).close();
  });

  test('is taken over when its file is damaged', async () => {
    writeFileSync(lockFile(), '{"pid":');
    await (await takeLock(folder)).close();
  });

  test('waits for the children of a killed holder', async () => {
    const child = await longRunning();
    const started = identify(child)?.started;
    const stale = { pid: await ended(), started: '1', children: [{ pid: child, started }] };
    writeFileSync(lockFile(), JSON.stringify(stale));
    const taken = takeLock(folder);
    const first = await Promise.race([
      taken.then(() => 'taken'),
      new Promise((r) => setImmediate(r, 'waits')),
    ]);
    expect(first).toBe('waits');
    children[0]?.kill('SIGKILL');
    await (await taken).close();
  });

  test('names the children that run and forgets those that ended', async () => {
    const lock = await takeLock(folder);
    const child = await longRunning();
    lock.addChild(child);
    const content = (): unknown => JSON.parse(readFileSync(lockFile(), 'utf8'));
    expect(content()).toMatchObject({ children: [{ pid: child }] });
    lock.removeChild(child);
    expect(content()).toMatchObject({ children: [] });
    await lock.close();
  });
});
