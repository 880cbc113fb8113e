/** The edge's HTTP server: media by a plain handler in front, everything else behind it. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Clock } from '../common/clock.ts';
import type { HealthAnswer } from '../common/health.ts';
import type { MediaCache } from './media-cache.ts';
import type { EdgeMetrics } from './metrics.ts';
import { MAX_TARGET_LENGTH, parseRoute, type MediaRoute } from './paths.ts';
import { MEDIA_HEADERS, sendMedia, sendStatus } from './send.ts';

/** What the server needs. */
export interface EdgeServerOptions {
  readonly cache: MediaCache;
  readonly clock: Clock;
  readonly health: HealthAnswer;
  readonly metrics: EdgeMetrics;
  /** Answers what is neither media nor health. */
  readonly pages: RequestListener;
  /** A connection without progress for this long ends; above the longest held request. */
  readonly stallMs?: number;
}

const STALL_MS = 20_000;
const MAX_CONNECTIONS = 20_000;

/** Makes the server; it does not listen yet. */
export function createEdgeServer(options: EdgeServerOptions): Server {
  const server = createServer(
    {
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 2_000,
      keepAliveTimeout: 30_000,
      maxHeaderSize: 8 * 1024,
      noDelay: true,
    },
    (request, response) => {
      handle(options, request, response);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = options.stallMs ?? STALL_MS;
  return server;
}

function handle(
  options: EdgeServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const target = request.url ?? '';
  if (target.length > MAX_TARGET_LENGTH) {
    sendStatus(request, response, 414);
    return;
  }
  if (options.health.handle(request, response)) {
    return;
  }
  if (request.method === 'OPTIONS') {
    sendPreflight(response);
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    sendStatus(request, response, 405, { allow: 'GET, HEAD, OPTIONS', connection: 'close' });
    return;
  }
  const route = parseRoute(target);
  switch (route.kind) {
    case 'media':
      sendFromCache(options, request, response, route);
      return;
    case 'time':
      sendTime(options.clock, request, response);
      return;
    case 'none':
      if (target.startsWith('/live/') || target.startsWith('/vod/')) {
        sendStatus(request, response, 404);
        return;
      }
      options.pages(request, response);
      return;
    case 'page':
    case 'asset':
    case 'nearest':
    case 'home':
      options.pages(request, response);
  }
}

function sendFromCache(
  options: EdgeServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  route: MediaRoute,
): void {
  const answer = options.cache.get(route);
  if (!(answer instanceof Promise)) {
    options.metrics.onAnswer(route.media, sendMedia(request, response, route, answer));
    return;
  }
  void answer.then((found) => {
    if (!response.destroyed) {
      options.metrics.onAnswer(route.media, sendMedia(request, response, route, found));
    }
  });
}

/** The clock that players measure their latency by. */
function sendTime(clock: Clock, request: IncomingMessage, response: ServerResponse): void {
  const text = new Date(clock.now()).toISOString();
  response.writeHead(200, {
    ...MEDIA_HEADERS,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': text.length,
    'cache-control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}

function sendPreflight(response: ServerResponse): void {
  response
    .writeHead(204, {
      ...MEDIA_HEADERS,
      'access-control-allow-methods': 'GET, HEAD, OPTIONS',
      'access-control-allow-headers': 'Range, If-None-Match, If-Range',
      'access-control-max-age': '86400',
    })
    .end();
}
