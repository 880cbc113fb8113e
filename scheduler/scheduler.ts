/** The scheduler service: catalogue, leadership, in_MQ, control API, put together. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Gauge } from 'prom-client';
import { QUEUES, redisKeys, storeKeys } from '#common/contracts/names';
import { diskStateOf, freeBytesIn, type DiskState } from '#common/disk';
import { drainsServer } from '#common/drain';
import { withDeadline } from '#common/lifecycle';
import { listen } from '#common/listen';
import { openQueue } from '#common/queues';
import type { ServiceContext } from '#common/service';
import { prepareStore } from '#common/store/prepare';
import { createApp } from './api/app.ts';
import { ChannelService } from './api/channel-service.ts';
import { EdgeViews } from './api/edge-views.ts';
import { EndedSessions } from './api/ended-sessions.ts';
import { readServices } from './api/live-state.ts';
import { Previews } from './api/previews.ts';
import { queueBoard } from './api/queue-board.ts';
import { readQueue } from './api/queue-views.ts';
import { readRoomFiles } from './api/room-files.ts';
import { Room } from './api/room.ts';
import { answerClientError } from './api/requests.ts';
import { missingFor } from './api/status.ts';
import { makeBootChannels } from './catalogue/boot-channels.ts';
import { Catalogue } from './catalogue/catalogue.ts';
import type { SchedulerConfig } from './config.ts';
import { schedulerKeys } from './keys.ts';
import { ChannelMemory } from './leader/channel-memory.ts';
import { startLeader, type Leader } from './leader/leader.ts';
import { keepLease } from './leader/lease.ts';
import { openStoredChunks } from './stored-chunks.ts';

/** A store's answer counts this long, real milliseconds. */
const STORE_CHECK_MS = 3_000;
const CHECK_DEADLINE_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 5_000;
const MAX_HEADER_BYTES = 8 * 1024;

/** What the service uses of its context. */
export type SchedulerContext = Pick<
  ServiceContext<SchedulerConfig>,
  | 'config'
  | 'logger'
  | 'clock'
  | 'redis'
  | 'connect'
  | 'store'
  | 'metrics'
  | 'lifecycle'
  | 'id'
  | 'setReady'
  | 'health'
>;

/** Starts the service and returns the port its API listens on. */
export async function startScheduler(context: SchedulerContext): Promise<{ port: number }> {
  const { config, logger, clock, redis, store, lifecycle } = context;
  await prepareStore(config, config.RAW_RETENTION_DAYS, logger);
  const catalogue = await Catalogue.open({ redis, store, logger });
  await makeBootChannels(config.BOOT_CHANNELS, {
    catalogue,
    folder: config.DATA_DIR,
    logger,
    now: new Date(clock.now()),
  });

  let leader: Leader | undefined;
  const logRedis = context.connect('log');
  const memory = new ChannelMemory();
  const lease = keepLease({
    redis,
    holder: context.id,
    logger,
    lead: (held) => {
      const { closeAfter } = config;
      const started = startLeader(
        { redis, logRedis, store, clock, logger, closeAfter, catalogue, memory },
        held,
      );
      leader = started;
      return Promise.resolve({
        close: async () => {
          leader = undefined;
          await started.close();
        },
      });
    },
  });
  lifecycle.own('leadership', lease);
  const chunks = lifecycle.own('chunks', openStoredChunks(redis, logger));
  const endedSessions = await EndedSessions.open(redis, logger, Date.now());

  const unfinished = (): ReadonlyMap<string, number> => leader?.unfinished() ?? new Map();
  const services = (): ReturnType<typeof readServices> =>
    // Heartbeats carry real time, whatever the clock's rate.
    readServices(redis, Date.now());
  const isStoreUp = storeCheck(context);
  const disk = diskCheck(config);
  const missing = async (): Promise<readonly string[]> => {
    const isLeader = leader !== undefined;
    return missingFor(await services(), {
      isLeader,
      isStoreUp: await isStoreUp(),
      disk: await disk(),
    });
  };
  const channels = new ChannelService({
    redis,
    store,
    clock,
    catalogue,
    chunks,
    unfinished,
    bootChannels: config.BOOT_CHANNELS,
    folder: config.DATA_DIR,
    disk,
  });
  const queues = Object.values(QUEUES).map((name) => ({
    name,
    queue: lifecycle.own(`queue ${name}`, openQueue(name, redis, logger)),
  }));
  const edges = new EdgeViews();
  const room = lifecycle.own(
    'control room',
    new Room(
      {
        now: () => clock.now(),
        channels: () => channels.room(),
        queues: () =>
          Promise.all(queues.map(({ name, queue }) => readQueue(queue, name, redis, Date.now()))),
        services,
        edges: (records) => edges.of(records),
        missing,
      },
      logger,
    ),
  );
  await listenToOthers(context, catalogue, {
    end: (id) => leader?.end(id),
    sessionEnded: (message) => {
      room.events.endSession(endedSessions.heard(message));
    },
  });
  const files = await readRoomFiles();
  if (files === undefined) {
    logger.warn('control room is not built');
  }
  const app = createApp({
    adminToken: config.ADMIN_TOKEN,
    endedSessions,
    channels,
    services,
    edges,
    room,
    files,
    previews: new Previews(services),
    board: (base) =>
      queueBoard({
        queues: queues.map(({ queue }) => queue),
        base,
        head: files?.queueBoardHead ?? '',
        logger,
      }),
    now: Date.now,
    logger,
  });
  const server = createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request: IncomingMessage, response: ServerResponse) => {
      if (request.url === '/readyz') {
        answerReadiness(response, missing);
      } else if (!context.health.handle(request, response)) {
        app(request, response);
      }
    },
  );
  server.on('clientError', answerClientError);
  await listen(server, config.CONTROL_PORT, config.BIND_HOST, 'CONTROL_PORT');
  lifecycle.own('control api', drainsServer(server));
  // Streams without an end would keep the server from closing.
  lifecycle.own('listeners', room.events);
  gauges(context, unfinished, () => leader !== undefined);
  context.setReady(true);
  return { port: (server.address() as AddressInfo).port };
}

/** Follows changes made by other schedulers, and operators' wishes that reached another one. */
async function listenToOthers(
  { connect, logger }: SchedulerContext,
  catalogue: Catalogue,
  on: {
    readonly end: (channel: string) => void;
    readonly sessionEnded: (message: string) => void;
  },
): Promise<void> {
  const subscriptions = connect('subscriptions');
  subscriptions.on('message', (topic: string, id: string) => {
    if (topic === schedulerKeys.endAsked) {
      on.end(id);
      return;
    }
    if (topic === schedulerKeys.sessionEnded) {
      on.sessionEnded(id);
      return;
    }
    catalogue.refresh(id).catch((error: unknown) => {
      logger.warn({ error, channel: id }, 'channel not refreshed');
    });
  });
  const { endAsked, sessionEnded } = schedulerKeys;
  await subscriptions.subscribe(redisKeys.channelChanged, endAsked, sessionEnded);
}

/** Whether the store answers; asked at most once in a while. */
function storeCheck({ store, logger }: SchedulerContext): () => Promise<boolean> {
  let checkedAt = Number.NEGATIVE_INFINITY;
  let last: Promise<boolean> = Promise.resolve(false);
  return () => {
    if (performance.now() - checkedAt > STORE_CHECK_MS) {
      checkedAt = performance.now();
      const answer = store.head(storeKeys.slate);
      last = withDeadline(answer, CHECK_DEADLINE_MS, 'store').then(
        () => true,
        (error: unknown) => {
          logger.warn({ error }, 'store does not answer');
          return false;
        },
      );
    }
    return last;
  };
}

/** The disk counts where the store is a folder on it. */
function diskCheck(config: SchedulerConfig): () => Promise<DiskState> {
  return async () => {
    if (config.S3_ENDPOINT !== undefined) {
      return 'ok';
    }
    return freeBytesIn(config.DATA_DIR).then(diskStateOf, () => 'ok' as const);
  };
}

function answerReadiness(
  response: ServerResponse,
  missing: () => Promise<readonly string[]>,
): void {
  const answer = (status: number, body: string): void => {
    const headers = { 'content-type': 'text/plain', 'cache-control': 'no-store' };
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
    response.end(body);
  };
  withDeadline(missing(), CHECK_DEADLINE_MS, 'redis').then(
    (names) => {
      if (names.length === 0) {
        answer(200, 'ready\n');
      } else {
        answer(503, `not ready: ${names.join(', ')}\n`);
      }
    },
    () => {
      answer(503, 'not ready: redis\n');
    },
  );
}

function gauges(
  { metrics }: SchedulerContext,
  unfinished: () => ReadonlyMap<string, number>,
  isLeader: () => boolean,
): void {
  const registers = [metrics];
  new Gauge({
    name: 'touchline_scheduler_leader',
    help: '1 on the scheduler that leads',
    registers,
    collect() {
      this.set(isLeader() ? 1 : 0);
    },
  });
  new Gauge({
    name: 'touchline_transcode_unfinished',
    help: 'Tasks given out and not finished',
    labelNames: ['channel'],
    registers,
    collect() {
      this.reset();
      for (const [channel, count] of unfinished()) {
        this.set({ channel }, count);
      }
    },
  });
}
