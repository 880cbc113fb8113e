import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { environmentOf, readProcesses } from '../../soak/processes.ts';

test('every process of a tree is read with its memory and descriptors, and variables of one', async () => {
  const before = readProcesses(process.pid).find(({ pid }) => pid === process.pid);
  const opened = Array.from({ length: 10 }, () => openSync('/dev/null', 'r'));
  const after = readProcesses(process.pid).find(({ pid }) => pid === process.pid);
  opened.forEach(closeSync);
  expect((after?.fds ?? 0) - (before?.fds ?? 0)).toBeGreaterThanOrEqual(10);
  expect(after?.rssBytes).toBeGreaterThan(10e6);

  const child = spawn('cat', [], { env: { PATH: '/usr/bin:/bin', MOOD: 'calm=quiet' } });
  await once(child, 'spawn');
  const names = readProcesses(process.pid).map(({ pid }) => pid);
  expect(names).toContain(child.pid);
  // The name is cat's only once exec has happened, which an answer proves.
  child.stdin.write('x');
  await once(child.stdout, 'data');
  expect(environmentOf(child.pid ?? 0, 'cat', 'MOOD')).toBe('calm=quiet');
  expect(() => environmentOf(child.pid ?? 0, 'cat', 'NONE')).toThrow(/NONE/);
  child.stdin.end();
  await once(child, 'close');
});
