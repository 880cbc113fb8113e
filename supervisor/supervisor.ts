/** Starts the pipeline on one machine, in order, keeps it running, and stops it in reverse. */
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pino } from 'pino';
import type { Environment } from '#common/config';
import { PipelineError } from '#common/errors';
import { Lifecycle } from '#common/lifecycle';
import { publicHost } from '#common/listen';
import type { Logger } from '#common/logger';
import { bannerText } from './banner.ts';
import { unlessAborted } from './aborted.ts';
import { superviseGroup, type ChildHost, type ChildPlan } from './child.ts';
import type { SupervisorConfig } from './config.ts';
import { prepareDataFolder } from './data-folder.ts';
import { publishDemo, renderDemo } from './demo-publisher.ts';
import { systemEnvironment } from './environment.ts';
import { DiskWatch, type AppendOnlyFile } from './disk-watch.ts';
import { Journal } from './journal.ts';
import { takeLock } from './lock.ts';
import { settlePorts, type Ports } from './ports.ts';
import { startPrivateRedis } from './private-redis.ts';
import { waitUntilReady } from './readiness.ts';
import { checkRedis } from './redis-check.ts';
import { keepSecret, readSecret, streamKeyFile } from './secrets.ts';
import { HEAP_MEBIBYTES, localHost, planServices, type ServicePlan } from './services.ts';

/** A killed predecessor's services may hold its ports a little longer than its lock. */
const PORT_PATIENCE_MS = 3_000;
const SLOW_AFTER_MS = 30_000;
/** More than a child's grace, so that a slow child is killed and reaped within it. */
const CLOSE_DEADLINE_MS = 12_000;
/** Programs of ours whose lines are their own, not pino's. */
const FOREIGN = new Set(['redis', 'demo', 'demo-publisher']);

/** What the supervisor needs beside its settings. */
export interface SupervisorDeps {
  readonly env: Environment;
  readonly hasDemo: boolean;
  /** The folder that holds the built services. */
  readonly programs: string;
  readonly print: (text: string) => void;
  /** Aborts when the supervisor is told to stop. */
  readonly signal: AbortSignal;
}

/**
 * Runs the pipeline until the signal aborts; returns when nothing of it is left.
 * @throws PipelineError `CONFLICT` when the folder is in use, `BAD_CONFIG` when a port is, or the folder or Redis
 * cannot be used
 */
export async function runSupervisor(config: SupervisorConfig, deps: SupervisorDeps): Promise<void> {
  const dataDir = resolve(config.DATA_DIR);
  prepareDataFolder(dataDir);
  const lock = await takeLock(dataDir);
  const journal = new Journal(join(dataDir, 'logs'), deps.print);
  const logger = pino(
    { level: 'info', timestamp: pino.stdTimeFunctions.isoTime },
    {
      write: (line: string) => {
        journal.take('supervisor', line.trimEnd());
      },
    },
  );
  const lifecycle = new Lifecycle(logger, CLOSE_DEADLINE_MS);
  lifecycle.own('lock', lock);
  lifecycle.own('journal', journal);
  const host: ChildHost = {
    logger,
    onLine: (name, line) => {
      if (FOREIGN.has(name)) {
        journal.file(name, line);
      } else {
        journal.take(name, line);
      }
    },
    onStart: lock.addChild,
    onEnd: lock.removeChild,
  };
  try {
    const ports = await settlePorts(config, lock.isTakenOver ? PORT_PATIENCE_MS : 0);
    const run = { ports, journal, logger, lifecycle, host };
    await start({ ...config, DATA_DIR: dataDir }, deps, run);
    await untilAborted(deps.signal);
  } catch (error) {
    if (!deps.signal.aborted) {
      throw error;
    }
  } finally {
    await lifecycle.close();
  }
}

interface Run {
  readonly ports: Ports;
  readonly journal: Journal;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly host: ChildHost;
}

async function start(config: SupervisorConfig, deps: SupervisorDeps, run: Run): Promise<void> {
  const { ports, journal, lifecycle, host } = run;
  const system = systemEnvironment(deps.env);
  const adminToken = config.ADMIN_TOKEN ?? keepSecret(config.DATA_DIR, 'admin-token');
  journal.hide(adminToken);
  journal.hide(config.S3_SECRET_ACCESS_KEY ?? '');
  const redisUrl = await startRedis(config, system, deps.signal, run);
  const channels = deps.hasDemo ? ['main', 'demo'] : ['main'];
  const demo = { dataDir: config.DATA_DIR, programs: deps.programs, env: system };
  const render = deps.hasDemo ? lifecycle.own('demo', renderDemo(demo, host)) : undefined;

  const plans = planServices(deps.env, { config, ports, redisUrl, adminToken, channels });
  for (const service of new Set(plans.map((plan) => plan.service))) {
    deps.signal.throwIfAborted();
    const members = plans.filter((plan) => plan.service === service);
    const children = members.map((plan) => planChild(plan, deps));
    lifecycle.own(service, superviseGroup(children, host));
  }
  await waitUntilReady(`http://${localHost(config)}:${ports.CONTROL_PORT}/readyz`, {
    signal: deps.signal,
    slowAfterMs: SLOW_AFTER_MS,
    onSlow: () => {
      deps.print(`still waiting for the services; see ${join(config.DATA_DIR, 'logs')}`);
    },
  });
  const streamKey = streamKeyOf(config, 'main', journal);
  if (render !== undefined) {
    if (!render.isDone()) {
      deps.print('The services are up; the demo is being rendered, which happens once …');
    }
    const target = {
      server: `rtmp://${localHost(config)}:${ports.RTMP_PORT}/live`,
      streamKey: streamKeyOf(config, 'demo', journal),
    };
    const clip = await unlessAborted(deps.signal, render.clip);
    lifecycle.own('demo publisher', publishDemo(clip, target, demo, host));
  }
  deps.signal.throwIfAborted();
  const facts = {
    host: publicHost(config.BIND_HOST),
    ports,
    streamKey,
    adminToken,
    hasDemo: deps.hasDemo,
  };
  deps.print(bannerText(facts));
}

async function startRedis(
  config: SupervisorConfig,
  system: Record<string, string>,
  signal: AbortSignal,
  run: Run,
): Promise<string> {
  for (const setting of ['REDIS_URL', 'HOT_REDIS_URL'] as const) {
    const url = config[setting];
    if (url !== undefined) {
      run.journal.hide(decodeURIComponent(new URL(url).password));
      run.journal.hide(new URL(url).password);
      await checkRedis({ setting, url, signal });
    }
  }
  if (config.REDIS_URL !== undefined) {
    watchDisk(config, undefined, run);
    return config.REDIS_URL;
  }
  const redis = await startPrivateRedis(
    {
      folder: join(config.DATA_DIR, 'redis'),
      env: system,
      ports: run.ports,
      hide: (secret) => {
        run.journal.hide(secret);
      },
    },
    run.host,
    signal,
  );
  run.lifecycle.own('redis', redis);
  watchDisk(config, redis.appendOnlyFile, run);
  return redis.url;
}

function watchDisk(
  config: SupervisorConfig,
  redis: AppendOnlyFile | undefined,
  { lifecycle, logger }: Run,
): void {
  lifecycle.own('disk watch', new DiskWatch({ folder: config.DATA_DIR, logger, redis }));
}

function planChild(plan: ServicePlan, deps: SupervisorDeps): ChildPlan {
  const script = join(deps.programs, plan.service, 'main.js');
  const heap = `--max-old-space-size=${HEAP_MEBIBYTES[plan.service]}`;
  return {
    name: plan.name,
    restMs: plan.restMs,
    // A process group of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops all in order.
    launch: () =>
      spawn(process.execPath, [heap, '--enable-source-maps', script], {
        env: plan.env,
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        detached: true,
      }),
  };
}

function streamKeyOf(config: SupervisorConfig, channel: string, journal: Journal): string {
  const key = readSecret(config.DATA_DIR, streamKeyFile(channel));
  if (key === undefined) {
    throw new PipelineError(
      'NOT_FOUND',
      `the stream key of ${channel} is not in ${config.DATA_DIR}: make a new one with POST /v1/channels/${channel}/stream-key`,
    );
  }
  journal.hide(key);
  return key;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((settle) => {
    if (signal.aborted) {
      settle();
    }
    signal.addEventListener('abort', () => {
      settle();
    });
  });
}
