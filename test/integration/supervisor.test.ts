/**
 * The one command, as a person runs it: what it prints, what it leaves, how it ends.
 *
 * @takes-seconds 20
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PATIENCE } from '../../scripts/jest/patience.mjs';
import { eventually } from '../helpers/poll.ts';
import { processTree, survivors, type ProcessEntry } from '../helpers/process-tree.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const START_MS = 90_000;
/** One step of it; a step that takes longer tells what was printed till then. */
const STEP_MS = 40_000;

let folder: string;
let started: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'touchline-supervisor-'));
  started = [];
});

afterEach(async () => {
  for (const child of started) {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    }
  }
  rmSync(folder, { recursive: true });
}, 60_000);

interface Start {
  readonly child: ChildProcess;
  readonly exited: () => Promise<number | null>;
  readonly output: () => string;
  /** The value of a banner line, as soon as it is printed. */
  readonly banner: (label: string) => Promise<string>;
}

/** Runs `npm start` in a process group of its own, as a terminal does. */
function npmStart(settings: Readonly<Record<string, string>> = {}): Start {
  const env: Record<string, string> = { DATA_DIR: join(folder, 'data'), WORKERS: '1' };
  for (const name of ['RTMP_PORT', 'HTTP_PORT', 'CONTROL_PORT', 'ORIGIN_PORT', 'EDGE_B_PORT']) {
    env[name] = '0';
  }
  for (const name of ['PATH', 'HOME']) {
    env[name] = process.env[name] ?? '';
  }
  const child = spawn('npm', ['start', '--silent'], {
    cwd: ROOT,
    env: { ...env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  started.push(child);
  let text = '';
  const inTime = async <T>(what: string, step: Promise<T>): Promise<T> => {
    const timer = new AbortController();
    const late = delay(PATIENCE * STEP_MS, undefined, { signal: timer.signal, ref: false }).then(
      () => {
        throw new Error(`waited in vain for ${what}:\n${text}`);
      },
    );
    try {
      return await Promise.race([step, late]);
    } finally {
      timer.abort();
      late.catch(() => undefined);
    }
  };
  const exit = once(child, 'exit').then(() => child.exitCode);
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      text += `${line}\n`;
      for (const listener of listeners) {
        listener();
      }
    });
  }
  const line = (label: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = text.split('\n').find((line) => line.startsWith(label));
        if (found !== undefined) {
          resolve(found.slice(label.length).trim());
        }
      };
      listeners.add(look);
      look();
      exit.then(
        () => {
          reject(new Error(`npm start ended without "${label}":\n${text}`));
        },
        (error: unknown) => {
          reject(new Error('npm start cannot run', { cause: error }));
        },
      );
    });
  return {
    child,
    exited: () => inTime('its end', exit),
    output: () => text,
    banner: (label) => inTime(label, line(label)),
  };
}

const modeOf = (name: string): number => statSync(join(folder, 'data', name)).mode & 0o777;

async function untilGone(family: readonly ProcessEntry[]): Promise<void> {
  await eventually(
    `the end of ${family.map((entry) => `${entry.name} ${entry.pid}`).join(', ')}`,
    () => Promise.resolve(survivors(family).length === 0 ? true : undefined),
  );
}

describe('npm start', () => {
  test(
    'shows where to publish and watch, and Ctrl-C leaves nothing behind',
    async () => {
      const run = npmStart();
      const token = await run.banner('Admin token');
      expect(await run.banner('OBS server')).toMatch(/^rtmp:\/\/127\.0\.0\.1:\d+\/live$/);
      expect(await run.banner('Stream key')).toMatch(/^[0-9a-f]{32}$/);
      const watch = await run.banner('Watch');
      expect(watch).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/watch\/main$/);
      expect((await fetch(watch)).status).toBe(200);
      const control = await run.banner('Control room');
      const channels = new URL('/v1/channels', control);
      expect((await fetch(channels)).status).toBe(401);
      const headers = { authorization: `Bearer ${token}` };
      expect((await fetch(channels, { headers })).status).toBe(200);

      expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700);
      expect(['admin-token', 'stream-key-main', 'lock'].map(modeOf)).toEqual([0o600, 0o600, 0o600]);

      const second = npmStart();
      expect(await second.exited()).toBe(1);
      expect(second.output()).toMatch(/another instance .* DATA_DIR/);

      const family = processTree(run.child.pid ?? 0);
      expect(family.length).toBeGreaterThan(7);
      process.kill(-(run.child.pid ?? 0), 'SIGINT');
      await run.exited();
      await untilGone(family);
      expect(existsSync(join(folder, 'data', 'lock'))).toBe(false);
    },
    START_MS,
  );

  test(
    'starts a killed service again and ends all on SIGTERM to npm alone',
    async () => {
      const run = npmStart();
      const watch = await run.banner('Watch');
      const family = processTree(run.child.pid ?? 0);
      const control = await run.banner('Control room');
      const token = await run.banner('Admin token');
      const headers = { authorization: `Bearer ${token}` };
      const edgePid = async (): Promise<number | undefined> => {
        const answer: unknown = await (
          await fetch(new URL('/v1/services', control), { headers })
        ).json();
        const found = /"service":"edge"[^}]*?"pid":(\d+)/.exec(JSON.stringify(answer));
        return found === null ? undefined : Number(found[1]);
      };
      const edge = await eventually('the edge to be listed', edgePid);
      process.kill(edge, 'SIGKILL');
      await eventually('the edge to be back', async () => {
        const isUp = (await fetch(watch)).status === 200;
        const pid = await edgePid();
        return isUp && pid !== undefined && pid !== edge ? true : undefined;
      });
      const later = processTree(run.child.pid ?? 0);
      run.child.kill('SIGTERM');
      await run.exited();
      await untilGone([...family, ...later]);
      expect(existsSync(join(folder, 'data', 'lock'))).toBe(false);
    },
    START_MS,
  );

  test(
    'killed outright takes everything with it, and the next start takes over',
    async () => {
      const run = npmStart();
      const key = await run.banner('Stream key');
      const family = processTree(run.child.pid ?? 0);
      const supervisor = family.find(
        (entry) =>
          family.some((other) => other.parent === entry.pid && other.name === 'sh') &&
          entry.name !== 'npm start',
      );
      process.kill(supervisor?.pid ?? 0, 'SIGKILL');
      await run.exited();
      await untilGone(family);
      expect(existsSync(join(folder, 'data', 'lock'))).toBe(true);

      const next = npmStart();
      expect(await next.banner('Stream key')).toBe(key);
    },
    START_MS,
  );

  test(
    'names the setting of a port that is in use',
    async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const run = npmStart({ ORIGIN_PORT: String(port) });
      expect(await run.exited()).toBe(1);
      expect(run.output()).toContain(`port ${port}`);
      expect(run.output()).toContain('ORIGIN_PORT');
      expect(existsSync(join(folder, 'data', 'lock'))).toBe(false);
      server.close();
    },
    START_MS,
  );
});
