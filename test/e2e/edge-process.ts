/** An edge as a process of its own, that a test can kill. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from '../helpers/poll.ts';
import { freePort } from '../helpers/redis-server.ts';

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
  readonly upstream: string;
  readonly redisUrl: string;
  readonly dataDir: string;
}): Promise<EdgeProcess> {
  const port = await freePort();
  const child = spawn(process.execPath, ['--import', 'tsx', 'edge/main.ts'], {
    cwd: ROOT,
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'],
      EDGE_ID: options.id,
      EDGE_UPSTREAM: options.upstream,
      REDIS_URL: options.redisUrl,
      DATA_DIR: options.dataDir,
      HTTP_PORT: String(port),
    },
  });
  const exited = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  await eventually(`edge ${options.id} to be ready`, async () =>
    (await fetch(`${url}/readyz`)).ok ? true : undefined,
  );
  return {
    id: options.id,
    url,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
