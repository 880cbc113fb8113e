/** Being told to stop, or killed, in the middle of the start: nothing stays behind, and the next start is not kept out. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../helpers/poll.ts';
import { processTree, survivors, type ProcessEntry } from '../helpers/process-tree.ts';
import { unlessAborted } from '../../supervisor/aborted.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TIMEOUT_MS = 60_000;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'touchline-stops-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly data: string;
  readonly output: () => string;
  /** Resolves when the start has come so far. */
  readonly until: (phase: Phase) => Promise<true>;
}

/** How far a start has come, told by what it has left in its folder. */
const PHASES = {
  redis: (data: string, pid: number) => {
    const lock = readOr(join(data, 'lock'));
    return lock.startsWith(`{"pid":${pid},`) && lock.includes('"children":[{');
  },
  'last service': (data: string) => existsSync(join(data, 'logs', 'edge.log')),
};
type Phase = keyof typeof PHASES;

const readOr = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

function start(name: string): Started {
  const data = join(folder, name);
  const ports = Object.fromEntries(
    ['RTMP_PORT', 'HTTP_PORT', 'CONTROL_PORT', 'ORIGIN_PORT', 'EDGE_B_PORT'].map((setting) => [
      setting,
      '0',
    ]),
  );
  const child = spawn(process.execPath, ['dist/supervisor/main.js'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], DATA_DIR: data, WORKERS: '1', ...ports },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  }
  return {
    child,
    data,
    output: () => text,
    until: (phase) =>
      eventually(
        `${phase} of ${name}`,
        () => {
          if (child.exitCode !== null) {
            throw new Error(`ended before ${phase}: ${text}`);
          }
          return Promise.resolve(PHASES[phase](data, child.pid ?? 0) ? true : undefined);
        },
        { timeoutMs: TIMEOUT_MS, everyMs: 5 },
      ),
  };
}

const familyOf = ({ child }: Started): ProcessEntry[] => processTree(child.pid ?? 0);

const untilGone = (family: readonly ProcessEntry[]): Promise<true> =>
  eventually(`the end of ${family.map(({ name }) => name).join(', ')}`, () =>
    Promise.resolve(survivors(family).length === 0 ? true : undefined),
  );

function expectQuietEnd({ child, output }: Started): void {
  expect(child.exitCode).toBe(0);
  expect(output()).not.toMatch(/error|fatal/i);
}

describe('a start', () => {
  test.each<[readonly NodeJS.Signals[], Phase]>([[['SIGTERM'], 'redis']])(
    'that is told %j at its %s ends at once, without an error and without a trace',
    async (signals, phase) => {
      const run = start(`${signals.join('-')}`);
      await run.until(phase);
      const family = familyOf(run);
      const closed = once(run.child, 'close');
      for (const signal of signals) {
        run.child.kill(signal);
      }
      await closed;
      expectQuietEnd(run);
      await untilGone(family);
      expect(existsSync(join(run.data, 'lock'))).toBe(false);
    },
    TIMEOUT_MS,
  );

  test(
    'beside another in its own folder is none of its concern, and told thrice ends once',
    async () => {
      const run = start('one');
      const other = start('other');
      await Promise.all([run, other].map(({ until }) => until('last service')));
      const family = familyOf(run);
      const others = familyOf(other);
      // The ffmpeg that a transcoder asks what it can do ends by itself.
      const services = others.filter(({ parent }) => parent === other.child.pid);
      for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM'] as const) {
        run.child.kill(signal);
      }
      await once(run.child, 'close');
      expectQuietEnd(run);
      await untilGone(family);
      expect(services.length).toBeGreaterThan(4);
      expect(survivors(services)).toEqual(services);
      other.child.kill('SIGHUP');
      await once(other.child, 'close');
      expectQuietEnd(other);
      await untilGone(others);
    },
    TIMEOUT_MS,
  );

  test(
    'that is killed takes its children with it and does not keep out the next',
    async () => {
      const run = start('killed');
      await run.until('redis');
      const family = familyOf(run);
      run.child.kill('SIGKILL');
      const next = start('killed');
      await once(run.child, 'close');
      await untilGone(family);
      await next.until('redis');
      const later = familyOf(next);
      next.child.kill('SIGTERM');
      await once(next.child, 'close');
      expectQuietEnd(next);
      await untilGone(later);
    },
    TIMEOUT_MS,
  );
});

describe('waiting', () => {
  test('ends as soon as we are told to stop, whatever is waited for', async () => {
    const controller = new AbortController();
    const waiting = unlessAborted(controller.signal, new Promise<never>(() => undefined));
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    expect(await unlessAborted(new AbortController().signal, Promise.resolve(5))).toBe(5);
  });
});
