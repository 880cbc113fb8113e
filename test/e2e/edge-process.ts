/** An edge as a process of its own, that a test can kill. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from '../helpers/poll.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** See the head of this file. */
export interface EdgeProcess {
  readonly id: string;
  readonly url: string;
  /** `kill -9`; resolves when it is gone. */
  readonly kill: () => Promise<void>;
}

/** Starts an edge from its entry point and waits until it is ready. */
export async function startEdgeProcess(options: {
  readonly id: string;
  readonly port: number;
  readonly upstream: string;
  readonly redisUrl: string;
  readonly dataDir: string;
}): Promise<EdgeProcess> {
  const child = spawn(process.execPath, ['dist/edge/main.js'], {
    cwd: ROOT,
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'],
      EDGE_ID: options.id,
      EDGE_UPSTREAM: options.upstream,
      REDIS_URL: options.redisUrl,
      DATA_DIR: options.dataDir,
      HTTP_PORT: String(options.port),
    },
  });
  const exited = once(child, 'exit');
  const url = `http://127.0.0.1:${options.port}`;
  await eventually(`edge ${options.id} to be ready`, async () =>
    (await fetch(`${url}/readyz`)).ok ? true : undefined,
  );
  return {
    id: options.id,
    url,
    kill: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await exited;
      }
    },
  };
}
