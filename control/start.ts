/** Control, put together: the catalogue, what operators do and see, and the server that they reach. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { QUEUES, storeKeys } from '#common/contracts/names';
import {
  VIEWERS_FIELD,
  readViewersFields,
  type ViewersView,
} from '#common/contracts/viewer-latency';
import { diskStateOf, freeBytesIn, type DiskState } from '#common/disk';
import { drainsServer } from '#common/drain';
import { readLeader } from '#common/leader-status';
import { withDeadline } from '#common/lifecycle';
import { listen } from '#common/listen';
import { openQueue } from '#common/queues';
import { watchRedisLife } from '#common/redis-life';
import type { ServiceContext } from '#common/service';
import { prepareStore } from '#common/store/prepare';
import { createApp } from './api/app.ts';
import { ChannelService } from './api/channel-service.ts';
import { EdgeViews } from './api/edge-views.ts';
import { EndedSessions, SESSION_ENDED } from './api/ended-sessions.ts';
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
import { followCatalogue } from './catalogue/follow.ts';
import type { ControlConfig } from './config.ts';

/** A store's answer counts this long, real milliseconds. */
const STORE_CHECK_MS = 3_000;
const CHECK_DEADLINE_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 5_000;
const MAX_HEADER_BYTES = 8 * 1024;

/** What the service uses of its context. */
export type ControlContext = Pick<
  ServiceContext<ControlConfig>,
  | 'config'
  | 'logger'
  | 'clock'
  | 'redis'
  | 'connect'
  | 'store'
  | 'lifecycle'
  | 'setReady'
  | 'health'
  | 'stopping'
>;

/** Starts the service and returns the port its API listens on. */
export async function startControl(context: ControlContext): Promise<{ port: number }> {
  const { config, connect, logger, clock, redis, store, lifecycle } = context;
  await prepareStore(config, config.RAW_RETENTION_DAYS, logger);
  const catalogue = new Catalogue({ redis, store, logger });
  const life = lifecycle.own(
    'redis life',
    watchRedisLife(redis, logger, () => catalogue.restore()),
  );
  await life.known;
  await followCatalogue(catalogue, { redis, subscriber: connect('catalogue'), logger });
  await catalogue.open();
  await makeBootChannels(config.BOOT_CHANNELS, {
    catalogue,
    folder: config.DATA_DIR,
    logger,
    now: new Date(clock.now()),
  });
  const endedSessions = await EndedSessions.open(redis, logger, Date.now());

  const services = (): ReturnType<typeof readServices> =>
    // Heartbeats carry real time, whatever the clock's rate.
    readServices(redis, Date.now());
  const viewers = async (): Promise<ReadonlyMap<string, ViewersView>> =>
    readViewersFields(
      (await services())
        .filter(({ service }) => service === 'edge')
        .map(({ detail }) => detail[VIEWERS_FIELD]),
    );
  const isStoreUp = storeCheck(context);
  const disk = diskCheck(config);
  const missing = async (): Promise<readonly string[]> =>
    missingFor(await services(), {
      isLed: (await readLeader(redis)).isLed,
      isStoreUp: await isStoreUp(),
      disk: await disk(),
    });
  const channels = new ChannelService({
    redis,
    store,
    clock,
    catalogue,
    bootChannels: config.BOOT_CHANNELS,
    folder: config.DATA_DIR,
    disk,
    viewers,
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
  const logouts = connect('logouts');
  logouts.on('message', (_topic: string, message: string) => {
    room.events.endSession(endedSessions.heard(message));
  });
  await logouts.subscribe(SESSION_ENDED);

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
  const server = serverOf((request, response) => {
    if (request.url === '/readyz') {
      answerReadiness(response, context.stopping.aborted ? isStopping : missing);
    } else if (!context.health.handle(request, response)) {
      app(request, response);
    }
  });
  await listen(server, config.CONTROL_PORT, config.BIND_HOST, 'CONTROL_PORT');
  lifecycle.own('control api', drainsServer(server));
  // Streams without an end would keep the server from closing.
  lifecycle.own('listeners', room.events);
  context.setReady(true);
  return { port: (server.address() as AddressInfo).port };
}

function serverOf(answer: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    answer,
  );
  server.on('clientError', answerClientError);
  return server;
}

/** Whether the store answers; asked at most once in a while. */
function storeCheck({ store, logger }: ControlContext): () => Promise<boolean> {
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
function diskCheck(config: ControlConfig): () => Promise<DiskState> {
  return async () => {
    if (config.S3_ENDPOINT !== undefined) {
      return 'ok';
    }
    return freeBytesIn(config.DATA_DIR).then(diskStateOf, () => 'ok' as const);
  };
}

const isStopping = (): Promise<readonly string[]> => Promise.resolve(['it stops']);

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
