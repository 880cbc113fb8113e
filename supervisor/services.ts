/** The services of one machine: which processes, in which order, each with only the environment it needs. */
import type { Environment } from '#common/config';
import { reachableHost } from '#common/listen';
import type { SupervisorConfig } from './config.ts';
import { pick, systemEnvironment } from './environment.ts';
import type { Ports } from './ports.ts';
import { SERVICE_SETTINGS, type ServiceName } from './service-schemas.ts';

/**
 * What each may have on its JavaScript heap, MiB; buffers of media are bounded by settings of their own. V8 lets garbage
 * pile up in proportion to this, and with its default of 4 GiB a service of 25 MB swings by 80.
 */
export const HEAP_MEBIBYTES: Readonly<Record<ServiceName, number>> = {
  control: 512,
  scheduler: 512,
  // The published segments of every channel's DVR window, and recordings that are being watched.
  aggregator: 1024,
  ingest: 512,
  transcoder: 512,
  edge: 512,
};

/**
 * A worker that died is started again when others have taken over what it had: its start takes most of a core, which they need
 * just then. Where no other runs it is back at once.
 */
const WORKER_REST_MS = 2_000;

/** One process to run. */
export interface ServicePlan {
  readonly name: string;
  readonly service: ServiceName;
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds between its end and its next start while another of its kind runs; hardly any by default. */
  readonly restMs?: number;
}

/** What the supervisor has settled for this run. */
export interface Settled {
  readonly config: SupervisorConfig;
  readonly ports: Ports;
  readonly redisUrl: string;
  readonly adminToken: string;
  readonly channels: readonly string[];
}

/** Every process, in the order of their start. */
export function planServices(env: Environment, settled: Settled): readonly ServicePlan[] {
  const { config, ports, redisUrl, adminToken, channels } = settled;
  const whole: Environment = {
    ...env,
    DATA_DIR: config.DATA_DIR,
    BIND_HOST: config.BIND_HOST,
    LOG_LEVEL: config.LOG_LEVEL,
    REDIS_URL: redisUrl,
    ADMIN_TOKEN: adminToken,
    BOOT_CHANNELS: channels.join(','),
    EDGE_ID: config.EDGE_ID,
    EDGE_B_ID: config.EDGE_B_ID,
    EDGE_UPSTREAM: `http://${localHost(config)}:${ports.ORIGIN_PORT}`,
    ...pick(env, ['EDGE_UPSTREAM']),
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
  };
  const plan = (
    service: ServiceName,
    name: string = service,
    environment = whole,
  ): ServicePlan => ({
    name,
    service,
    env: {
      ...systemEnvironment(env),
      // Libraries then answer errors without stack traces.
      NODE_ENV: 'production',
      ...pick(environment, SERVICE_SETTINGS[service]),
    },
  });
  const workers = Array.from({ length: config.WORKERS }, (_, index) => ({
    ...plan('transcoder', `transcoder-${index + 1}`),
    restMs: WORKER_REST_MS,
  }));
  return [
    plan('control'),
    plan('scheduler'),
    plan('aggregator'),
    plan('ingest'),
    ...workers,
    plan('edge'),
    plan('edge', 'edge-b', secondEdge(whole)),
  ];
}

/** The same settings as the first edge's, but for who and where it is. */
const secondEdge = (whole: Environment): Environment => ({
  ...whole,
  HTTP_PORT: whole['EDGE_B_PORT'],
  EDGE_ID: whole['EDGE_B_ID'],
  EDGE_PUBLIC_URL: whole['EDGE_B_PUBLIC_URL'],
});

/** The address at which this machine reaches its own services. */
export const localHost = (config: Pick<SupervisorConfig, 'BIND_HOST'>): string =>
  reachableHost(config.BIND_HOST);
