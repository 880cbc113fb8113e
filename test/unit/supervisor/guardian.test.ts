import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { spawnGuarded } from '../../../supervisor/guardian.ts';
import { identify } from '#common/process-identity';

const env = { PATH: process.env['PATH'] ?? '' };
const SHELL_WITH_ID = 'echo $$; exec sleep 600';

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) {
    throw new Error('no output');
  }
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return line;
}

describe('the guardian', () => {
  test('ends with the code of its program', async () => {
    const child = spawnGuarded({ program: 'sh', args: ['-c', 'exit 7'], env });
    expect(await once(child, 'exit')).toEqual([7, null]);
  });

  test('gives the program its input, which no command line shows', async () => {
    const child = spawnGuarded({ program: 'cat', args: [], env, input: 'password\n' });
    expect(await firstLine(child)).toBe('password');
  });

  test('passes SIGTERM on and waits for the program to finish with it', async () => {
    const script = 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.05; done';
    const child = spawnGuarded({ program: 'sh', args: ['-c', script], env });
    const lines = createInterface(child.stdout ?? process.stdin);
    const exited = once(child, 'exit');
    const said: string[] = [];
    lines.on('line', (line) => {
      said.push(line);
      if (line === 'up') {
        child.kill('SIGTERM');
      }
    });
    expect(await exited).toEqual([3, null]);
    expect(said).toEqual(['up', 'bye']);
  });

  test('ends the program when whoever started it is killed', async () => {
    const guardian = fileURLToPath(new URL('../../../supervisor/guardian.ts', import.meta.url));
    const program = `
      import { spawnGuarded } from ${JSON.stringify(guardian)};
      const args = ['-c', ${JSON.stringify(SHELL_WITH_ID)}];
      spawnGuarded({ program: 'sh', args, env: process.env }).stdout.pipe(process.stdout);
    `;
    const owner = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', program],
      { env: { ...env }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const guarded = Number(await firstLine(owner));
    expect(identify(guarded)).toBeDefined();
    // The program holds its output open as long as it runs.
    const released = once(owner.stdout, 'close');
    owner.kill('SIGKILL');
    await released;
    while (identify(guarded) !== undefined) {
      await setImmediate();
    }
  });
});
