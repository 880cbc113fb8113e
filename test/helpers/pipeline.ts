/** The whole pipeline for a test, from its entry point: free ports, its own data folder, nothing left behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Ladder } from '#common/contracts/channel';
import { endChild } from './child.ts';
import { ControlApi } from './control-api.ts';
import { eventually } from './poll.ts';
import { freePort } from './redis-server.ts';
import { processTree, survivors, type ProcessEntry } from './process-tree.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The admin token of every pipeline started here. */
export const ADMIN_TOKEN = 'test-admin-token-0123456789abcdef';

/** A ladder that two cores carry many times over. */
export const SMALL_LADDER: Ladder = {
  video: [
    { height: 360, maxBitrateBps: 800_000 },
    { height: 180, maxBitrateBps: 300_000 },
  ],
  audio: { bitrateBps: 96_000 },
  preset: 'superfast',
};

/** A running pipeline. */
export interface Pipeline {
  readonly rtmpPort: number;
  /** Base URLs without a slash at the end. */
  readonly edge: string;
  readonly control: string;
  readonly api: ControlApi;
  readonly pid: number;
  readonly dataDir: string;
  readonly logFile: string;
  /** What it has printed so far. */
  output: () => string;
  /** Stops it and removes its folder; resolves to processes that outlived it (they are ended too). */
  close: () => Promise<readonly ProcessEntry[]>;
}

/** Settings of a clock that runs this many times as fast as the world's, from now on. */
export const fastClock = (rate: number): Record<string, string> =>
  rate === 1 ? {} : { CLOCK_RATE: String(rate), CLOCK_ORIGIN: String(Date.now()) };

/**
 * Starts the pipeline and waits until it can take a stream.
 * @param options what stands after `npm start --`
 */
export async function startPipeline(
  env: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): Promise<Pipeline> {
  const folder = await mkdtemp(path.join(tmpdir(), 'touchline-test-'));
  const dataDir = path.join(folder, 'data');
  const logFile = path.join(folder, 'pipeline.log');
  const ports = await Promise.all(Array.from({ length: 5 }, freePort));
  const [rtmpPort = 0, httpPort = 0, controlPort = 0, originPort = 0, edgeBPort = 0] = ports;
  const child = spawn(process.execPath, [path.join(ROOT, 'dist/supervisor/main.js'), ...options], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...inherited(),
      RTMP_PORT: String(rtmpPort),
      HTTP_PORT: String(httpPort),
      CONTROL_PORT: String(controlPort),
      ORIGIN_PORT: String(originPort),
      EDGE_B_PORT: String(edgeBPort),
      BIND_HOST: '127.0.0.1',
      DATA_DIR: dataDir,
      ADMIN_TOKEN,
      LOG_LEVEL: 'info',
      // A machine whose cores somebody else burns is slow: what tests look at is made all the same, only later.
      ON_OVERLOAD: 'lag',
      ...env,
    },
  });
  const output = collectOutput(child, logFile);
  const control = `http://127.0.0.1:${controlPort}`;
  const close = async (): Promise<readonly ProcessEntry[]> => {
    const family = child.pid === undefined ? [] : processTree(child.pid);
    await endChild(child, 20_000);
    const left = survivors(family);
    for (const entry of left) {
      process.kill(entry.pid, 'SIGKILL');
    }
    await rm(folder, { recursive: true, force: true });
    return left;
  };
  try {
    await eventually('the pipeline to be ready', () => readiness(child, control), {
      timeoutMs: 60_000,
    });
  } catch (error) {
    const tail = output().slice(-4000);
    await close();
    throw new Error(`pipeline did not start:\n${tail}`, { cause: error });
  }
  return {
    rtmpPort,
    edge: `http://127.0.0.1:${httpPort}`,
    control,
    api: new ControlApi(control, ADMIN_TOKEN),
    pid: child.pid ?? 0,
    dataDir,
    logFile,
    output,
    close,
  };
}

async function readiness(child: ChildProcess, control: string): Promise<true | undefined> {
  if (child.exitCode !== null || child.signalCode !== null) {
    throw new Error(`supervisor ended with ${child.exitCode ?? child.signalCode}`);
  }
  return (await fetch(`${control}/readyz`)).status === 200 ? true : undefined;
}

function collectOutput(child: ChildProcess, logFile: string): () => string {
  let text = '';
  const file = createWriteStream(logFile);
  // The folder goes away with the pipeline; what is still to be written then does not matter.
  file.on('error', () => undefined);
  const take = (chunk: Buffer): void => {
    text = (text + chunk.toString('utf8')).slice(-1_000_000);
    file.write(chunk);
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return () => text;
}

/** Only what programs need to be found: no setting of the machine reaches the pipeline. */
function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
