/** The edge's HTTP server: media by a plain handler in front, everything else behind it. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { isMediaPath } from '#common/contracts/delivery';
import { boundPipelining } from '#common/pipelining';
import type { Clock } from '#common/clock';
import type { HealthAnswer } from '#common/health';
import type { Closable } from '#common/lifecycle';
import { answerMedia } from './answer.ts';
import { http1Exchange, type Exchange } from './exchange.ts';
import { createFastAnswers } from './fast-answers.ts';
import { installFastPath } from './fast-path.ts';
import type { Held } from './held.ts';
import { createHttp2 } from './http2.ts';
import type { MediaCache } from './media-cache.ts';
import type { EdgeMetrics } from './metrics.ts';
import { MAX_TARGET_LENGTH, parseRoute } from './paths.ts';
import { Pace, afterPause } from './pace.ts';
import { MEDIA_HEADERS, endWith, sendStatus } from './send.ts';
import { openSecureDoor, type Certificate } from './tls.ts';
import type { ViewerReports } from './viewer-reports.ts';

/** What the server needs. */
export interface EdgeServerOptions {
  readonly cache: MediaCache;
  readonly clock: Clock;
  readonly health: HealthAnswer;
  readonly metrics: EdgeMetrics;
  readonly held: Held;
  readonly reports: ViewerReports;
  /** With it, connections may begin with a TLS handshake. */
  readonly certificate?: Certificate | undefined;
  /** What a client waits that asks for the same over and over, or for too much, milliseconds. */
  readonly repeatPauseMs: number;
  /** Answers what is neither media nor health. */
  readonly pages: RequestListener;
  /** A connection without progress for this long ends; above the longest held request. */
  readonly stallMs?: number;
}

const HEADERS_MS = 5_000;
const KEEP_ALIVE_MS = 30_000;
const STALL_MS = 20_000;
const MAX_CONNECTIONS = 20_000;

/** A server that does not listen yet, and what closes with it. */
export interface EdgeServer {
  readonly server: Server;
  /** Ends connections that are not secure yet, and those of HTTP/2. */
  readonly secure: Closable;
  /** Ends connections that wait for a request or an answer. */
  readonly fastPath: Closable;
}

/** Makes the server: media at the socket where a request is plain, by node:http where it is not. */
export function createEdgeServer(options: EdgeServerOptions): EdgeServer {
  const { cache, metrics, held, reports, stallMs = STALL_MS } = options;
  const pace = new Pace(options.repeatPauseMs);
  const server = createServer(
    {
      headersTimeout: HEADERS_MS,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 2_000,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: 8 * 1024,
      noDelay: true,
    },
    (request, response) => {
      reports.note(pace.visitorOn(request.socket), request.url ?? '');
      inPace(pace, request, response, () => {
        handle(options, request, response);
      });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  boundPipelining(server);
  server.timeout = stallMs;
  const http2 = createHttp2({
    cache,
    metrics,
    pace,
    held,
    reports,
    handler: (request, response) => {
      handle(options, request, response);
    },
    idleMs: KEEP_ALIVE_MS,
  });
  const door =
    options.certificate &&
    openSecureDoor(options.certificate, {
      http2: http2.serve,
      http1: (socket) => {
        server.emit('connection', socket);
      },
    });
  const fastPath = installFastPath(server, {
    answer: createFastAnswers({ cache, metrics, keepAliveSeconds: KEEP_ALIVE_MS / 1000 }),
    times: { firstMs: HEADERS_MS, idleMs: KEEP_ALIVE_MS, stallMs },
    pace,
    held,
    reports,
    onTls: door?.accept,
  });
  return {
    server,
    fastPath,
    secure: {
      close: async () => {
        await Promise.all([http2.close(), door?.close()]);
      },
    },
  };
}

/** What is not for the fast path, ranges and pages for two, with the same pause. */
function inPace(
  pace: Pace,
  { socket, rawHeaders, url = '/' }: IncomingMessage,
  response: ServerResponse,
  answer: () => void,
): void {
  const pause = pace.pauseFor(pace.visitorOn(socket), rawHeaders.join('\n'), url);
  if (pause === 0) {
    answer();
    return;
  }
  afterPause(socket, pause, () => {
    if (!response.destroyed && !response.headersSent) {
      answer();
    }
  });
}

function handle(
  options: EdgeServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const target = request.url ?? '';
  const exchange = http1Exchange(request, response);
  if (target.length > MAX_TARGET_LENGTH) {
    sendStatus(exchange, 414);
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
    sendStatus(exchange, 405, { allow: 'GET, HEAD, OPTIONS', connection: 'close' });
    return;
  }
  const route = parseRoute(target);
  switch (route.kind) {
    case 'media':
      answerMedia(options, exchange, route);
      return;
    case 'time':
      sendTime(options.clock, exchange);
      return;
    case 'malformed':
      sendStatus(exchange, 400);
      return;
    case 'none':
      if (isMediaPath(target)) {
        sendStatus(exchange, 404);
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

/** The clock that players measure their latency by. */
function sendTime(clock: Clock, exchange: Exchange): void {
  const text = new Date(clock.now()).toISOString();
  exchange.respond(200, {
    ...MEDIA_HEADERS,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': text.length,
    'cache-control': 'no-store',
  });
  endWith(exchange, text);
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
