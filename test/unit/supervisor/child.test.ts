import { spawn } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { createLogger } from '#common/logger';
import { superviseGroup, type ChildHost } from '../../../supervisor/child.ts';
import { eventually } from '../../helpers/poll.ts';

const REST_MS = 60_000;

test('a child rests while another of its group runs, and the last that ran is back at once', async () => {
  const running: number[] = [];
  const started: string[] = [];
  const host: ChildHost = {
    logger: createLogger('test', 'silent'),
    onLine: () => undefined,
    onStart: (pid) => running.push(pid),
    onEnd: (pid) => running.splice(running.indexOf(pid), 1),
  };
  const plan = (name: string) => ({
    name,
    restMs: REST_MS,
    launch: () => {
      started.push(name);
      return spawn('sleep', ['600'], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    },
  });
  const group = superviseGroup([plan('a'), plan('b')], host);
  try {
    const [first = 0, second = 0] = running;
    process.kill(first, 'SIGKILL');
    await eventually('the first to be missed', () =>
      Promise.resolve(running.includes(first) ? undefined : true),
    );
    process.kill(second, 'SIGKILL');
    await eventually('the second to be back', () => Promise.resolve(started[2]));
    expect(started).toEqual(['a', 'b', 'b']);
  } finally {
    await group.close();
  }
  expect(running).toEqual([]);
});
