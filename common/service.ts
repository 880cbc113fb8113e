/**
 * What every service does the same way: settings, logger, clock, Redis, store, health, heartbeat, and an orderly
 * end on SIGTERM, SIGINT or when its supervisor is gone.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry, collectDefaultMetrics } from 'prom-client';
import type { z } from 'zod';
import { createClock, type Clock } from './clock.ts';
import { parseConfig, type BaseConfig } from './config.ts';
import { redisKeys } from './contracts/names.ts';
import type { ServiceRecord } from './contracts/status.ts';
import { drainsServer } from './drain.ts';
import { toPipelineError } from './errors.ts';
import { createHealthAnswer, type HealthAnswer } from './health.ts';
import { Lifecycle, type Closable } from './lifecycle.ts';
import { listen, reachableHost } from './listen.ts';
import { createLogger, type Logger } from './logger.ts';
import { connectRedis, type Redis } from './redis.ts';
import { openStore } from './store/open.ts';
import type { ObjectStore } from './store/store.ts';

/** Values a service tells of itself in its heartbeat. */
export type Detail = ServiceRecord['detail'];

/** What a service is given to work with. */
export interface ServiceContext<C> {
  readonly config: C;
  readonly logger: Logger;
  readonly clock: Clock;
  /** For commands; never for blocking reads. */
  readonly redis: Redis;
  /** Another connection, for blocking reads and subscriptions; closed with the service. */
  readonly connect: (name: string) => Redis;
  /** Likewise, to the Redis of hot streams. */
  readonly connectHot: (name: string) => Redis;
  /** The Redis of the hot streams; the same unless `HOT_REDIS_URL` is set. */
  readonly hotRedis: Redis;
  readonly store: ObjectStore;
  readonly metrics: Registry;
  readonly lifecycle: Lifecycle;
  /** Unique for this process. */
  readonly id: string;
  readonly setReady: (ready: boolean) => void;
  /** Told at once, and with every heartbeat. */
  readonly setDetail: (detail: Detail) => void;
  readonly health: HealthAnswer;
  /** Aborts when the service is told to stop: from then on it is not ready, whatever `setReady` says. */
  readonly stopping: AbortSignal;
}

/** A service's own part of its start. */
export interface ServiceOptions<S extends z.ZodType<BaseConfig>> {
  readonly service: ServiceRecord['service'];
  readonly schema: S;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Id of this process; unique among all. */
  readonly id?: (config: z.output<S>) => string;
  /** The port on which the service itself answers health; without it a server of its own is started. */
  readonly publicPort?: (config: z.output<S>) => number;
  readonly start: (context: ServiceContext<z.output<S>>) => Promise<void>;
}

const HEARTBEAT_MS = 2_000;
/** What is open after every part was closed ends by itself within this, real milliseconds, or with the process. */
const LEFT_OPEN_MS = 500;
/** Between looks at the event loop's delay. The default of 10 ms is a hundred wake-ups a second in every idle process. */
const EVENT_LOOP_SAMPLE_MS = 100;

/** Runs a service until it is told to stop. Never throws: what prevents the start is logged and ends the process with 1. */
export async function runService<S extends z.ZodType<BaseConfig>>(
  options: ServiceOptions<S>,
): Promise<void> {
  let config: z.output<S>;
  try {
    config = parseConfig(options.schema, options.env);
  } catch (error) {
    createLogger(options.service, 'info').fatal({ error }, 'settings are wrong');
    process.exitCode = 1;
    leaveSupervisor();
    return;
  }
  const logger = createLogger(options.service, config.LOG_LEVEL);
  const lifecycle = new Lifecycle(logger);
  const stopping = stopOnSignals(logger);
  const starting = start(options, config, logger, lifecycle, stopping);
  try {
    await Promise.race([starting, aborted(stopping)]);
    await aborted(stopping);
  } catch (error) {
    if (!stopping.aborted) {
      logger.fatal({ error: toPipelineError(error) }, 'service cannot start');
      process.exitCode = 1;
    }
  }
  await lifecycle.close();
  logger.info('service stopped');
  leaveSupervisor();
  setTimeout(() => {
    // What a start that was broken off has opened, or what waits for a Redis or a store that is away.
    logger.info('what is still open is left');
    process.exit();
  }, LEFT_OPEN_MS).unref();
}

/** The IPC channel alone would keep the process alive; a supervisor that is gone has closed it already. */
function leaveSupervisor(): void {
  if (process.connected) {
    process.disconnect?.();
  }
}

function stopOnSignals(logger: Logger): AbortSignal {
  const controller = new AbortController();
  const stop = (reason: string): void => {
    if (!controller.signal.aborted) {
      logger.info({ reason }, 'service stops');
      controller.abort();
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // For good: without a listener a second signal ends the process in the middle of its end, and so does execa at the
    // first one while a child of its own runs.
    process.on(signal, () => {
      stop(signal);
    });
  }
  process.once('disconnect', () => {
    stop('supervisor is gone');
  });
  return controller.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

const closesRedis = (redis: Redis): Closable => ({
  close: () => {
    redis.disconnect();
    return Promise.resolve();
  },
});

async function start<S extends z.ZodType<BaseConfig>>(
  options: ServiceOptions<S>,
  config: z.output<S>,
  logger: Logger,
  lifecycle: Lifecycle,
  stopping: AbortSignal,
): Promise<void> {
  const { service } = options;
  const id = options.id?.(config) ?? `${service}-${process.pid.toString(36)}`;
  const clock = createClock({ rate: config.CLOCK_RATE, origin: config.CLOCK_ORIGIN });
  const store = lifecycle.own('store', await openStore(config));
  const connect = (name: string, url = config.REDIS_URL): Redis => {
    const redis = connectRedis(url, `${service}:${name}`, logger);
    lifecycle.own(`redis ${name}`, closesRedis(redis));
    return redis;
  };
  const redis = connect('commands');
  const hotRedis =
    config.HOT_REDIS_URL === undefined ? redis : connect('hot', config.HOT_REDIS_URL);
  const metrics = new Registry();
  metrics.setDefaultLabels({ service });
  collectDefaultMetrics({
    register: metrics,
    eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLE_MS,
  });

  let isReady = false;
  let detail: Detail = {};
  const health = createHealthAnswer(metrics, () => isReady && !stopping.aborted);
  let port = options.publicPort?.(config);
  if (port === undefined) {
    const server = await listenForHealth(config, health);
    lifecycle.own('health', drainsServer(server));
    port = (server.address() as AddressInfo).port;
  }
  const url = `http://${reachableHost(config.BIND_HOST)}:${port}`;
  const heartbeat = startHeartbeat(redis, logger, () => ({
    id,
    service,
    url,
    pid: process.pid,
    ready: isReady && !stopping.aborted,
    startedAt: performance.timeOrigin,
    at: Date.now(),
    detail,
  }));
  lifecycle.own('heartbeat', heartbeat);
  stopping.addEventListener('abort', () => {
    heartbeat.beat();
  });
  await options.start({
    config,
    logger,
    clock,
    redis,
    connect: (name) => connect(name),
    connectHot: (name) => connect(name, config.HOT_REDIS_URL),
    hotRedis,
    store,
    metrics,
    lifecycle,
    id,
    setReady: (ready) => {
      const hasChanged = ready !== isReady;
      isReady = ready;
      if (hasChanged) {
        heartbeat.beat();
      }
    },
    setDetail: (value) => {
      detail = value;
      heartbeat.beat();
    },
    health,
    stopping,
  });
  logger.info({ id, url }, 'service started');
}

function startHeartbeat(
  redis: Redis,
  logger: Logger,
  record: () => ServiceRecord,
): Closable & { beat(): void } {
  const beat = (): void => {
    if (redis.status !== 'ready') {
      return;
    }
    const now = record();
    redis.hset(redisKeys.services, now.id, JSON.stringify(now)).catch((error: unknown) => {
      logger.debug({ error }, 'heartbeat failed');
    });
  };
  const timer = setInterval(beat, HEARTBEAT_MS);
  redis.once('ready', beat);
  return {
    beat,
    close: async () => {
      clearInterval(timer);
      if (redis.status === 'ready') {
        await redis.hdel(redisKeys.services, record().id);
      }
    },
  };
}

async function listenForHealth(config: BaseConfig, health: HealthAnswer): Promise<Server> {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    if (!health.handle(request, response)) {
      response.writeHead(404, { 'content-length': 0 }).end();
    }
  });
  await listen(server, config.HEALTH_PORT, config.BIND_HOST, 'HEALTH_PORT');
  return server;
}
