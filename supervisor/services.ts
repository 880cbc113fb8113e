/** The services of one machine: which processes, in which order, each with only the environment it needs. */
import type { Environment } from '#common/config';
import { reachableHost } from '#common/listen';
import type { SupervisorConfig } from './config.ts';
import type { Ports } from './ports.ts';

/** Variables of the system that any program may need. */
const SYSTEM = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_ALL', 'TZ', 'NODE_EXTRA_CA_CERTS'] as const;

const BASE = ['LOG_LEVEL', 'BIND_HOST', 'DATA_DIR', 'CLOCK_RATE', 'CLOCK_ORIGIN'] as const;
const REDIS = ['REDIS_URL', 'HOT_REDIS_URL'] as const;
const STORE = [
  'S3_ENDPOINT',
  'S3_BUCKET',
  'S3_REGION',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
] as const;

/** Each service's settings; a test compares them with the services' own schemas. */
export const SERVICE_SETTINGS = {
  scheduler: [
    ...BASE,
    ...REDIS,
    ...STORE,
    'CONTROL_PORT',
    'ADMIN_TOKEN',
    'BOOT_CHANNELS',
    'CLOSE_AFTER_SECONDS',
    'RAW_RETENTION_DAYS',
  ],
  aggregator: [...BASE, ...REDIS, ...STORE, 'ORIGIN_PORT', 'MEMORY_BYTES'],
  ingest: [
    ...BASE,
    ...REDIS,
    ...STORE,
    'RTMP_PORT',
    'RTMP_MAX_CONNECTIONS',
    'RTMP_MAX_CONNECTIONS_PER_ADDRESS',
    'FEED_MAX_BITRATE',
    'SPOOL_MAX_BYTES',
  ],
  transcoder: [...BASE, ...REDIS, ...STORE, 'FFMPEG', 'FFMPEG_MEMORY_MIB', 'TASK_MAX_SECONDS'],
  edge: [
    ...BASE,
    ...REDIS,
    'HTTP_PORT',
    'EDGE_ID',
    'EDGE_UPSTREAM',
    'EDGE_PUBLIC_URL',
    'CACHE_BYTES',
    'REPEAT_PAUSE_MS',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;
/** A service's name. */
export type ServiceName = keyof typeof SERVICE_SETTINGS;

/**
 * What each may have on its JavaScript heap, MiB; buffers of media are bounded by settings of their own. V8 lets garbage
 * pile up in proportion to this, and with its default of 4 GiB a service of 25 MB swings by 80.
 */
export const HEAP_MEBIBYTES: Readonly<Record<ServiceName, number>> = {
  scheduler: 512,
  // The published segments of every channel's DVR window, and recordings that are being watched.
  aggregator: 1024,
  ingest: 512,
  transcoder: 512,
  edge: 512,
};

/** One process to run. */
export interface ServicePlan {
  readonly name: string;
  readonly service: ServiceName;
  readonly env: Readonly<Record<string, string>>;
}

/** What the supervisor has settled for this run. */
export interface Settled {
  readonly config: SupervisorConfig;
  readonly ports: Ports;
  readonly redisUrl: string;
  readonly adminToken: string;
  readonly channels: readonly string[];
}

/** The named variables of an environment that are set. */
export function pick(env: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value === undefined || value.trim() === '' ? [] : [[name, value]];
    }),
  );
}

/** What programs that are not ours get. */
export const systemEnvironment = (env: Environment): Record<string, string> => pick(env, SYSTEM);

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
  const workers = Array.from({ length: config.WORKERS }, (_, index) =>
    plan('transcoder', `transcoder-${index + 1}`),
  );
  return [
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
