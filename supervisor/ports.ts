/** Ports, settled before anything starts, so that a clash is one clear line. */
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { PipelineError } from '../common/errors.ts';
import { listen } from '../common/listen.ts';
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

/** A port that nobody uses now. */
export async function freePort(host: string): Promise<number> {
  return tryPort(0, host, 'port');
}

/**
 * Checks that every port is free and settles those that are 0.
 * @param patienceMs how long a taken port may take to become free
 * @throws PipelineError `BAD_CONFIG` that names the setting of a port in use, or two settings with one port
 */
export async function settlePorts(config: SupervisorConfig, patienceMs: number): Promise<Ports> {
  const taken = new Map<number, string>();
  const settled: Record<string, number> = {};
  for (const setting of PORT_SETTINGS) {
    const other = taken.get(config[setting]);
    if (other !== undefined && config[setting] !== 0) {
      throw new PipelineError(
        'BAD_CONFIG',
        `${other} and ${setting} are both ${config[setting]}: set one to another port`,
      );
    }
    const port = await patiently(patienceMs, () =>
      tryPort(config[setting], config.BIND_HOST, setting),
    );
    taken.set(port, setting);
    settled[setting] = port;
  }
  const {
    RTMP_PORT = 0,
    HTTP_PORT = 0,
    CONTROL_PORT = 0,
    ORIGIN_PORT = 0,
    EDGE_B_PORT = 0,
  } = settled;
  return { RTMP_PORT, HTTP_PORT, CONTROL_PORT, ORIGIN_PORT, EDGE_B_PORT };
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

async function tryPort(port: number, host: string, setting: string): Promise<number> {
  const server = createServer();
  await listen(server, port, host, setting);
  const address: AddressInfo | string | null = server.address();
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  return typeof address === 'object' && address !== null ? address.port : port;
}
