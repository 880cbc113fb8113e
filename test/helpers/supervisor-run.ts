/** The supervisor's program run to its end, where its settings, its machine or its folder make it refuse. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PATIENCE } from '../../scripts/jest/patience.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** How it is run. */
export interface SupervisorRun {
  readonly env: Readonly<Record<string, string>>;
  /** Runs as this user; only root may. */
  readonly uid?: number;
  /** The script, from the project's folder; by default the supervisor itself. */
  readonly script?: string;
  readonly nodeOptions?: readonly string[];
}

/** What it said and how it ended. */
export interface SupervisorEnd {
  readonly code: number | null;
  readonly output: string;
}

/** Runs it; ports are free ones unless said otherwise. Ended after a minute, which is a failure of its own. */
export async function runSupervisorProgram(run: SupervisorRun): Promise<SupervisorEnd> {
  const { script = 'dist/supervisor/main.js', uid, nodeOptions = [] } = run;
  const ports = Object.fromEntries(
    ['RTMP_PORT', 'HTTP_PORT', 'CONTROL_PORT', 'ORIGIN_PORT', 'EDGE_B_PORT'].map((name) => [
      name,
      '0',
    ]),
  );
  const child = spawn(process.execPath, [...nodeOptions, script], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], WORKERS: '1', ...ports, ...run.env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const timer = setTimeout(() => child.kill('SIGTERM'), PATIENCE * 60_000);
  await once(child, 'close');
  clearTimeout(timer);
  return { code: child.exitCode, output };
}
