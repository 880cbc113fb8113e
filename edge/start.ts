/** Puts the edge together: upstream, cache, pages, server, directory entry, readiness. */
import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { MANIFEST_FILE } from '#common/built-pages';
import { redisKeys } from '#common/contracts/names';
import { VIEWERS_FIELD } from '#common/contracts/viewer-latency';
import { drainsServer } from '#common/drain';
import { nearestEdges, type EdgeDirectory } from '#common/edge-directory';
import { PipelineError } from '#common/errors';
import type { Closable } from '#common/lifecycle';
import { listen, publicHost } from '#common/listen';
import type { Logger } from '#common/logger';
import type { ServiceContext } from '#common/service';
import type { EdgeConfig } from './config.ts';
import { Held } from './held.ts';
import { LastKnown } from './last-known.ts';
import { MediaCache } from './media-cache.ts';
import { createEdgeMetrics, type EdgeMetrics } from './metrics.ts';
import { createPages } from './pages.ts';
import { readPlayerFiles, type PlayerFiles } from './player-files.ts';
import { createEdgeServer } from './server.ts';
import { readServices } from './services.ts';
import { openCertificate } from './tls.ts';
import { countTraffic } from './traffic.ts';
import { openUpstream, type Upstream } from './upstream.ts';
import { ViewerReports } from './viewer-reports.ts';

/** What of a service's context the edge uses. */
export type EdgeContext = Pick<
  ServiceContext<EdgeConfig>,
  'config' | 'logger' | 'clock' | 'metrics' | 'lifecycle' | 'health' | 'setReady' | 'setDetail'
> & {
  /** For the directory and the names of channels. */
  readonly redis: {
    hvals(key: string): Promise<string[]>;
    hkeys(key: string): Promise<string[]>;
  };
};

/** The directory may be asked often; Redis is asked once in this time. */
const DIRECTORY_MS = 1_000;
/** The same for the names of channels: who has just made one opens its page. */
const CHANNELS_MS = 200;
/** A page does not wait longer than this for Redis. */
const REDIS_PATIENCE_MS = 500;
/** The heartbeat tells numbers no older than this. */
const DETAIL_MS = 1_000;
const PROBE_MS = 2_000;
const FIRST_PROBES_MS = 200;
/** One lost probe is no outage. */
const PROBES_UNTIL_AWAY = 2;

/** Starts the edge; its parts are owned by the context's lifecycle. Resolves with the URL it listens on. */
export async function startEdge(context: EdgeContext): Promise<string> {
  const { config, logger, clock, lifecycle } = context;
  const upstream = lifecycle.own('upstream', openUpstream(config.EDGE_UPSTREAM));
  const metrics = createEdgeMetrics(context.metrics);
  const cache = new MediaCache({
    upstream,
    clock,
    logger,
    maxBytes: config.CACHE_BYTES,
    onLookup: (lookup) => {
      metrics.onLookup(lookup);
    },
  });
  metrics.watch(cache);
  const held = new Held();
  metrics.watchHeld(held);
  const channelNames = createChannelNames(context);
  const reports = new ViewerReports(() => clock.now(), config.REPEAT_PAUSE_MS === 0);
  const pages = createPages({
    player: await loadPlayer(logger),
    logger,
    directory: createDirectory(context),
    hasChannel: async (channel) => (await channelNames()).has(channel),
  });
  const { EDGE_TLS_CERT: cert, EDGE_TLS_KEY: key } = config;
  const certificate =
    cert === undefined || key === undefined
      ? undefined
      : lifecycle.own('certificate', await openCertificate({ cert, key }, logger));
  const { server, fastPath, secure } = createEdgeServer({
    cache,
    clock,
    health: context.health,
    metrics,
    held,
    reports,
    certificate,
    pages,
    repeatPauseMs: config.REPEAT_PAUSE_MS,
  });
  metrics.count(countTraffic(server));
  const draining = drainsServer(server);
  await listen(server, config.HTTP_PORT, config.BIND_HOST, 'HTTP_PORT');
  lifecycle.own('server', {
    close: async () => {
      await Promise.all([draining.close(), fastPath.close(), secure.close()]);
    },
  });
  const { port } = server.address() as AddressInfo;
  lifecycle.own(
    'detail',
    tellDetail(context, port, metrics, async () => {
      const names = await channelNames();
      return reports.told((channel) => names.has(channel));
    }),
  );
  lifecycle.own('readiness', watchUpstream(upstream, logger, context.setReady));
  return `http://${localHost(config)}:${port}`;
}

const localHost = ({ BIND_HOST }: EdgeConfig): string =>
  BIND_HOST === '0.0.0.0' ? '127.0.0.1' : BIND_HOST;

/** Who this edge is, where viewers reach it, and what it has done so far. */
function tellDetail(
  { config, setDetail }: EdgeContext,
  port: number,
  metrics: EdgeMetrics,
  viewers: () => Promise<string>,
): Closable {
  const scheme = config.EDGE_TLS_CERT === undefined ? 'http' : 'https';
  const url = config.EDGE_PUBLIC_URL ?? `${scheme}://${publicHost(config.BIND_HOST)}:${port}`;
  const who = {
    edge: config.EDGE_ID,
    url: new URL(url).origin,
    upstream: config.EDGE_UPSTREAM.join(','),
  };
  let told = '';
  const tell = (): void => {
    setDetail({ ...who, ...metrics.totals(), [VIEWERS_FIELD]: told });
    void viewers()
      .catch(() => '')
      .then((text) => {
        told = text;
      });
  };
  tell();
  const timer = setInterval(tell, DETAIL_MS);
  return {
    close: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}

/** The folder lies beside this one in the sources, and one level further up from `dist/edge`. */
async function loadPlayer(logger: Logger): Promise<PlayerFiles | undefined> {
  const here = path.dirname(fileURLToPath(import.meta.url));
  const folders = ['../player/dist', '../../player/dist'].map((relative) =>
    path.join(here, relative),
  );
  const folder = folders.find((candidate) => existsSync(path.join(candidate, MANIFEST_FILE)));
  if (folder === undefined) {
    logger.warn('player is not built');
    return undefined;
  }
  return readPlayerFiles(folder);
}

/** While Redis is away the edges last known are told for as long as they were promised. */
function createDirectory({ redis, config }: EdgeContext): () => Promise<EdgeDirectory> {
  const known = new LastKnown({
    name: 'directory of edges',
    ask: async () => {
      const services = readServices(await redis.hvals(redisKeys.services));
      return nearestEdges(services, config.EDGE_ID, Date.now());
    },
    freshMs: DIRECTORY_MS,
    patienceMs: REDIS_PATIENCE_MS,
  });
  return async () => {
    const directory = await known.get();
    if (Date.parse(directory.expiresAt) < Date.now()) {
      throw new PipelineError('UNAVAILABLE', 'directory of edges: Redis is away; ask again');
    }
    return directory;
  };
}

function createChannelNames({ redis }: EdgeContext): () => Promise<ReadonlySet<string>> {
  const known = new LastKnown({
    name: 'channels',
    ask: async () => new Set(await redis.hkeys(redisKeys.channels)),
    freshMs: CHANNELS_MS,
    patienceMs: REDIS_PATIENCE_MS,
  });
  return () => known.get();
}

/** Ready while the upstream answers. */
function watchUpstream(
  upstream: Upstream,
  logger: Logger,
  setReady: (ready: boolean) => void,
): Closable {
  let isReady = false;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const probe = async (): Promise<void> => {
    const isHealthy = await upstream.isHealthy();
    failures = isHealthy ? 0 : failures + 1;
    const ready = isHealthy || (isReady && failures < PROBES_UNTIL_AWAY);
    if (ready !== isReady) {
      isReady = ready;
      setReady(ready);
      logger.info({ ready }, ready ? 'upstream answers' : 'upstream is away');
    }
    if (!isClosed) {
      timer = setTimeout(() => void probe(), isReady ? PROBE_MS : FIRST_PROBES_MS);
    }
  };
  void probe();
  return {
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      setReady(false);
      return Promise.resolve();
    },
  };
}
