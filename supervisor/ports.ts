/** Ports, settled before anything starts, so that a clash is one clear line. */
import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { PipelineError } from '#common/errors';
import { listen } from '#common/listen';
import type { SupervisorConfig } from './config.ts';

/** The settings that name ports. */
export const PORT_SETTINGS = [
  'RTMP_PORT',
  'HTTP_PORT',
  'CONTROL_PORT',
  'ORIGIN_PORT',
  'EDGE_B_PORT',
] as const;
/** Ports by setting. */
export type Ports = Readonly<Record<(typeof PORT_SETTINGS)[number], number>>;

const POLL_MS = 200;

/** A port that nobody uses now, and none of `others`, which are spoken for. */
export async function freePort(host: string, others: Ports): Promise<number> {
  const taken = new Set(Object.values(others));
  for (;;) {
    const server = await hold(0, host, 'port');
    const port = portOf(server);
    await release(server);
    if (!taken.has(port)) {
      return port;
    }
  }
}

/**
 * Checks that every port is free and settles those that are 0. Each is held until all are settled: the system may
 * give out a port that was let go of at once again.
 * @param patienceMs how long a taken port may take to become free
 * @throws PipelineError `BAD_CONFIG` that names the setting of a port in use, or two settings with one port
 */
export async function settlePorts(config: SupervisorConfig, patienceMs: number): Promise<Ports> {
  refuseTwins(config);
  const held = new Map<string, Server>();
  try {
    // Those that are named first, lest one of the others take their place.
    for (const setting of PORT_SETTINGS.toSorted((a, b) => config[b] - config[a])) {
      const server = await patiently(patienceMs, () =>
        hold(config[setting], config.BIND_HOST, setting),
      );
      held.set(setting, server);
    }
    const port = (setting: string): number => portOf(held.get(setting));
    return {
      RTMP_PORT: port('RTMP_PORT'),
      HTTP_PORT: port('HTTP_PORT'),
      CONTROL_PORT: port('CONTROL_PORT'),
      ORIGIN_PORT: port('ORIGIN_PORT'),
      EDGE_B_PORT: port('EDGE_B_PORT'),
    };
  } finally {
    await Promise.all([...held.values()].map(release));
  }
}

function refuseTwins(config: SupervisorConfig): void {
  const named = new Map<number, string>();
  for (const setting of PORT_SETTINGS.filter((one) => config[one] !== 0)) {
    const other = named.get(config[setting]);
    if (other !== undefined) {
      throw new PipelineError(
        'BAD_CONFIG',
        `${other} and ${setting} are both ${config[setting]}: set one to another port`,
      );
    }
    named.set(config[setting], setting);
  }
}

async function patiently<T>(patienceMs: number, attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() >= deadline) {
        throw error;
      }
      await delay(POLL_MS);
    }
  }
}

async function hold(port: number, host: string, setting: string): Promise<Server> {
  const server = createServer();
  await listen(server, port, host, setting);
  return server;
}

function portOf(server: Server | undefined): number {
  const address = server?.address();
  if (typeof address !== 'object' || address === null) {
    throw new TypeError('the server does not listen');
  }
  return address.port;
}

const release = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
