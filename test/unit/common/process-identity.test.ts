import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { identify, isRunning, parseProcStat } from '#common/process-identity';

describe('the identity of a process', () => {
  test('is read behind a program name that holds spaces and parentheses', () => {
    const fields = Array.from({ length: 48 }, (_, index) => String(index + 4)).join(' ');
    expect(parseProcStat(`42 (a ) b (c)) S ${fields}\n`)).toEqual({ state: 'S', started: '22' });
    expect(parseProcStat('')).toBeUndefined();
  });

  test('holds as long as the process runs and no longer', async () => {
    const child = spawn('sleep', ['600']);
    await once(child, 'spawn');
    const identity = identify(child.pid ?? 0);
    expect(identity && isRunning(identity)).toBe(true);
    expect(identity && isRunning({ ...identity, started: 'before' })).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(identity && isRunning(identity)).toBe(false);
  });
});
