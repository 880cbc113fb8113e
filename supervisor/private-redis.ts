/** A redis-server of our own, for whoever names none: loopback only, with a password nobody needs to know. */
import { mkdirSync } from 'node:fs';
import { totalmem } from 'node:os';
import { PipelineError } from '#common/errors';
import type { Closable } from '#common/lifecycle';
import { connectRedis } from '#common/redis';
import { superviseChild, type ChildHost } from './child.ts';
import type { AppendOnlyFile } from './disk-watch.ts';
import { spawnGuarded } from './guardian.ts';
import { freePort, type Ports } from './ports.ts';
import { checkRedis } from './redis-check.ts';
import { newSecret } from './secrets.ts';

const HOST = '127.0.0.1';
const MOST_MEMORY = 1024 ** 3;
const START_DEADLINE_MS = 30_000;
/** Services that lost their supervisor may still finish their last writes. */
const OUTLIVES_TENTHS = 20;

/** What redis-server reads on its standard input (its configuration file's format). */
export function redisConfiguration(options: {
  readonly folder: string;
  readonly port: number;
  readonly password: string;
  readonly maxMemoryBytes: number;
}): string {
  const folder = options.folder.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return [
    `bind ${HOST}`,
    `port ${options.port}`,
    'protected-mode yes',
    `requirepass ${options.password}`,
    `dir "${folder}"`,
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
    `maxmemory ${options.maxMemoryBytes}`,
    'loglevel warning',
    'daemonize no',
    '',
  ].join('\n');
}

/** A running private Redis. */
export interface PrivateRedis extends Closable {
  readonly url: string;
  readonly appendOnlyFile: AppendOnlyFile;
}

/** Where and how to run it. */
export interface PrivateRedisOptions {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Those of the services, of which it takes none. */
  readonly ports: Ports;
  /** Keeps its password out of every log. */
  readonly hide: (secret: string) => void;
}

/** Starts redis-server under its guardian and waits until it has read its data and answers. */
export async function startPrivateRedis(
  { folder, env, ports, hide }: PrivateRedisOptions,
  host: ChildHost,
  signal: AbortSignal,
): Promise<PrivateRedis> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const port = await freePort(HOST, ports);
  const password = newSecret();
  hide(password);
  const maxMemoryBytes = Math.min(MOST_MEMORY, Math.floor(totalmem() / 4));
  const input = redisConfiguration({ folder, port, password, maxMemoryBytes });
  const child = superviseChild(
    {
      name: 'redis',
      launch: () =>
        spawnGuarded({
          program: 'redis-server',
          args: ['-'],
          env,
          input,
          outlivesTenths: OUTLIVES_TENTHS,
        }),
    },
    host,
  );
  const url = `redis://:${password}@${HOST}:${port}`;
  try {
    await waitForRedis(url, signal);
  } catch (error) {
    await child.close();
    throw error;
  }
  const control = connectRedis(url, 'supervisor', host.logger.child({}, { level: 'silent' }));
  return {
    url,
    appendOnlyFile: {
      size: async () => Number(/^used_memory:(\d+)/m.exec(await control.info('memory'))?.[1] ?? 0),
      turn: async (state) => {
        await control.config('SET', 'appendonly', state === 'on' ? 'yes' : 'no');
      },
    },
    close: async () => {
      control.disconnect();
      await child.close();
    },
  };
}

/** Waits until it has read its data. */
async function waitForRedis(url: string, signal: AbortSignal): Promise<void> {
  try {
    await checkRedis({ setting: 'redis-server', url, signal, patienceMs: START_DEADLINE_MS });
  } catch (error) {
    signal.throwIfAborted();
    const message = 'redis-server does not start: logs/redis.log in DATA_DIR says why';
    throw new PipelineError('UNAVAILABLE', message, { cause: error });
  }
}
