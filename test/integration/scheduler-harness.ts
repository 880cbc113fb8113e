/** A scheduler and a control of a test's own, with real Redis and a folder store, and what a feed would tell the log. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { appendToLog } from '#common/channel-log';
import { createClock, type Clock } from '#common/clock';
import type { IngestEntry } from '#common/contracts/log';
import { QUEUES } from '#common/contracts/names';
import { createHealthAnswer } from '#common/health';
import { Lifecycle, type Closable } from '#common/lifecycle';
import { createLogger, type Logger } from '#common/logger';
import { openQueue, type Queue } from '#common/queues';
import { connectRedis, execute, type Redis } from '#common/redis';
import { openStore } from '#common/store/open';
import type { ObjectStore } from '#common/store/store';
import { parseConfig } from '#common/config';
import { controlSettings } from '../../control/config.ts';
import { startControl } from '../../control/start.ts';
import { schedulerSettings } from '../../scheduler/config.ts';
import { startScheduler } from '../../scheduler/start.ts';
import { assertDescribed } from '../helpers/described-answers.ts';
import { startRedis } from '../helpers/redis-server.ts';

/** The admin token of every test. */
export const TOKEN = 'a-token-for-tests-only';

/** A running control, as far as a test's process can hold it. */
export interface TestControl extends Closable {
  readonly url: string;
}

/** A running scheduler, and the control by whose API it is reached. */
export interface TestScheduler extends TestControl {
  /** Ends the control alone. */
  closeControl(): Promise<void>;
}

/** What services share of their context. */
interface Surroundings {
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly connect: (name: string) => Redis;
  readonly metrics: Registry;
}

/** Redis, store and clock that outlive schedulers. */
export class SchedulerBench {
  readonly redis: Redis;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly folder: string;
  readonly transcode: Queue;
  readonly segments: Queue;
  readonly #redisUrl: string;
  readonly #closeRedis: () => Promise<void>;
  #started = 0;

  private constructor(options: {
    redis: Redis;
    redisUrl: string;
    store: ObjectStore;
    folder: string;
    closeRedis: () => Promise<void>;
  }) {
    this.redis = options.redis;
    this.store = options.store;
    this.folder = options.folder;
    this.#redisUrl = options.redisUrl;
    this.#closeRedis = options.closeRedis;
    this.clock = createClock({ rate: 10, origin: Date.now() });
    const logger = createLogger('test', 'silent');
    this.transcode = openQueue(QUEUES.transcode, this.redis, logger);
    this.segments = openQueue(QUEUES.segments, this.redis, logger);
  }

  static async open(): Promise<SchedulerBench> {
    const server = await startRedis();
    const folder = await mkdtemp(join(tmpdir(), 'touchline-scheduler-'));
    const redis = connectRedis(server.url, 'test', createLogger('test', 'silent'));
    const config = parseConfig(schedulerSettings, { DATA_DIR: folder });
    const store = await openStore(config);
    const closeRedis = (): Promise<void> => server.close();
    return new SchedulerBench({ redis, redisUrl: server.url, store, folder, closeRedis });
  }

  /** Starts a scheduler with its control. */
  async start(settings: Readonly<Record<string, string>> = {}): Promise<TestScheduler> {
    const control = await this.startControl(settings);
    const scheduler = await this.startScheduler(settings);
    return {
      url: control.url,
      closeControl: () => control.close(),
      close: async () => {
        await scheduler.close();
        await control.close();
      },
    };
  }

  /** Starts a scheduler alone. */
  async startScheduler(
    settings: Readonly<Record<string, string>> = {},
    store: ObjectStore = this.store,
  ): Promise<Closable> {
    const surroundings = this.#surroundings('scheduler', settings);
    const { clock } = this;
    const redis = surroundings.connect('commands');
    this.#started += 1;
    await startScheduler({
      ...surroundings,
      config: parseConfig(schedulerSettings, this.#environment(settings)),
      clock,
      redis,
      hotRedis: redis,
      store,
      id: `scheduler-${this.#started}`,
      setReady: () => undefined,
    });
    return { close: () => surroundings.lifecycle.close() };
  }

  /** Starts a control alone. */
  async startControl(
    settings: Readonly<Record<string, string>> = {},
    store: ObjectStore = this.store,
    stopping = new AbortController().signal,
  ): Promise<TestControl> {
    const surroundings = this.#surroundings('control', settings);
    const { clock } = this;
    const { port } = await startControl({
      ...surroundings,
      config: parseConfig(controlSettings, this.#environment(settings)),
      clock,
      redis: surroundings.connect('commands'),
      store,
      setReady: () => undefined,
      health: createHealthAnswer(surroundings.metrics, () => true),
      stopping,
    });
    return { url: `http://127.0.0.1:${port}`, close: () => surroundings.lifecycle.close() };
  }

  #environment(settings: Readonly<Record<string, string>>): Record<string, string> {
    return {
      DATA_DIR: this.folder,
      ADMIN_TOKEN: TOKEN,
      CONTROL_PORT: '0',
      // No worker makes anything here, and that is no overload.
      ON_OVERLOAD: 'lag',
      REDIS_URL: this.#redisUrl,
      ...settings,
    };
  }

  #surroundings(service: string, settings: Readonly<Record<string, string>>): Surroundings {
    const logger = createLogger(service, settings['LOG_LEVEL'] ?? 'silent');
    const lifecycle = new Lifecycle(logger);
    const connect = (name: string): Redis => {
      const redis = connectRedis(this.#redisUrl, name, logger);
      lifecycle.own(name, {
        close: () => {
          redis.disconnect();
          return Promise.resolve();
        },
      });
      return redis;
    };
    return { logger, lifecycle, connect, metrics: new Registry() };
  }

  /** Appends what ingest would. */
  async append(channel: string, entries: readonly IngestEntry[]): Promise<void> {
    const pipeline = this.redis.pipeline();
    for (const entry of entries) {
      appendToLog(pipeline, channel, entry);
    }
    await execute(pipeline);
  }

  /** Numbers of the tasks given out for a channel, in order. */
  async tasks(channel: string): Promise<number[]> {
    const jobs = await this.transcode.getJobs();
    const own = jobs.filter((job) => job.id?.startsWith(`${channel}-`) === true);
    return own.map((job): number => Number(job.id?.split('-')[1])).toSorted((a, b) => a - b);
  }

  async close(): Promise<void> {
    await this.transcode.close();
    await this.segments.close();
    this.redis.disconnect();
    await this.#closeRedis();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Resolves with the first result that is not undefined. The test's own timeout is the limit. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) {
      return found;
    }
    await delay(20);
  }
}

/** Calls the control API with the admin token. */
export async function call(
  { url }: Pick<TestControl, 'url'>,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  assertDescribed({ method, path, status: response.status, text });
  const json = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  return { status: response.status, body: json, headers: response.headers };
}
