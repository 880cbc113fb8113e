/**
 * HTTP/2 (RFC 9113): all of a player's requests on one connection, however many are held. Media is written to streams from
 * memory, as it arrives; everything else, ranges and pages, is answered by the handler of HTTP/1.1 behind it.
 */
import {
  createServer,
  request as askWithin,
  type ClientRequest,
  type RequestListener,
} from 'node:http';
import {
  constants,
  performServerHandshake,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { duplexPair } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { DRAIN_MS } from '#common/drain';
import type { Closable } from '#common/lifecycle';
import { follow, patienceFor } from './follow.ts';
import type { Held } from './held.ts';
import type { MediaAnswer, MediaCache } from './media-cache.ts';
import type { EdgeMetrics } from './metrics.ts';
import { afterPause, type Pace } from './pace.ts';
import { MAX_TARGET_LENGTH, parseRoute, type MediaRoute } from './paths.ts';
import { gzipHeaders, mediaHeaders, statusAnswer } from './send.ts';

/** What serving needs. */
export interface Http2Options {
  readonly cache: MediaCache;
  readonly metrics: EdgeMetrics;
  readonly pace: Pace;
  readonly held: Held;
  /** Answers what is not plainly media. */
  readonly handler: RequestListener;
  /** A connection without any traffic for so long ends, real milliseconds. */
  readonly idleMs: number;
}

/** Serves connections that speak HTTP/2. */
export interface Http2Server extends Closable {
  readonly serve: (socket: TLSSocket) => void;
}

/** Streams of one connection at a time: four channels, each with all of its renditions held two ahead. */
const MAX_STREAMS = 64;
const MAX_HEADER_PAIRS = 64;
const MAX_HEADER_BYTES = 8 * 1024;
/** Megabytes that nghttp2 may take for one connection. */
const MAX_SESSION_MB = 4;

/** Of a connection, not of an answer (RFC 9113 §8.2.2). */
const OF_CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade']);
const OF_BODY = new Set(['host', 'content-length', 'expect', 'te', 'trailer']);
/** What these ask for is the handler's work. */
const NOT_PLAIN = [
  'range',
  'if-range',
  'if-none-match',
  'if-match',
  'if-modified-since',
  'if-unmodified-since',
] as const;

/** See the head of this file. */
export function createHttp2(options: Http2Options): Http2Server {
  const sessions = new Set<ServerHttp2Session>();
  // Listens nowhere: requests are put into it.
  const within = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, options.handler);
  let isDraining = false;
  return {
    serve: (socket) => {
      const session = performServerHandshake(socket, {
        maxHeaderListPairs: MAX_HEADER_PAIRS,
        maxSessionMemory: MAX_SESSION_MB,
        settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES },
      });
      sessions.add(session);
      session.once('close', () => {
        sessions.delete(session);
      });
      session.on('error', () => undefined);
      session.setTimeout(options.idleMs, () => {
        session.destroy();
      });
      session.on('stream', (stream, headers) => {
        stream.on('error', () => undefined);
        if (isDraining) {
          stream.close(constants.NGHTTP2_REFUSED_STREAM);
          return;
        }
        const ready = (): void => {
          if (!stream.destroyed) {
            answer(options, within, socket, stream, headers);
          }
        };
        const { ':path': target = '/', ...others } = headers;
        const visitor = options.pace.visitorOn(socket);
        const pause = options.pace.pauseFor(visitor, JSON.stringify(others), target);
        if (pause === 0) {
          ready();
        } else {
          afterPause(socket, pause, ready);
        }
      });
      if (isDraining) {
        session.close();
      }
    },
    close: async () => {
      isDraining = true;
      const closed = Promise.all(
        [...sessions].map(
          (session) =>
            new Promise<void>((resolve) => {
              session.once('close', () => {
                resolve();
              });
              // No new streams; those that are open go on.
              session.close();
            }),
        ),
      );
      const end = setTimeout(() => {
        for (const session of sessions) {
          session.destroy();
        }
      }, DRAIN_MS);
      await closed;
      clearTimeout(end);
      within.close();
    },
  };
}

function answer(
  options: Http2Options,
  within: ReturnType<typeof createServer>,
  socket: TLSSocket,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): void {
  const target = headers[':path'] ?? '';
  const isPlain =
    headers[':method'] === 'GET' &&
    target.length <= MAX_TARGET_LENGTH &&
    NOT_PLAIN.every((name) => headers[name] === undefined);
  const route = isPlain ? parseRoute(target) : undefined;
  if (route?.kind !== 'media') {
    askHandler(within, stream, headers);
    return;
  }
  const acceptsGzip = /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''));
  const send = (found: MediaAnswer): void => {
    if (!stream.destroyed) {
      options.metrics.onAnswer(route.media, sendMedia(stream, route, found, acceptsGzip));
    }
  };
  const found = options.cache.get(route);
  if (!(found instanceof Promise)) {
    send(found);
    return;
  }
  const leave = options.held.enter(socket.remoteAddress);
  if (leave === undefined) {
    stream.respond(
      { ':status': 503, 'retry-after': '1', 'access-control-allow-origin': '*' },
      { endStream: true },
    );
    return;
  }
  let hasPlace = true;
  const leaveOnce = (): void => {
    if (hasPlace) {
      hasPlace = false;
      leave();
    }
  };
  stream.once('close', leaveOnce);
  void found.then((late) => {
    leaveOnce();
    send(late);
  });
}

/** Writes an answer; returns the status sent. */
function sendMedia(
  stream: ServerHttp2Stream,
  route: MediaRoute,
  found: MediaAnswer,
  acceptsGzip: boolean,
): number {
  const { object } = found;
  if (object === undefined || object.state === 'broken') {
    const { status, headers, text } = statusAnswer(found);
    stream.respond({ ...headers, ':status': status, 'content-length': text.length });
    stream.end(text);
    return status;
  }
  const headers = { ...mediaHeaders(route, found), ':status': 200 };
  limitDuration(stream, object.length ?? 0);
  const { gzipped } = object;
  if (gzipped !== undefined && acceptsGzip) {
    stream.respond({ ...gzipHeaders(headers, object), 'content-length': gzipped.length });
    stream.end(gzipped);
    return 200;
  }
  const { length } = object;
  stream.respond({ ...headers, ...(length === undefined ? {} : { 'content-length': length }) });
  if (object.state === 'complete') {
    stream.end(object.slice(0, object.received));
    return 200;
  }
  follow(stream, {
    object,
    start: 0,
    end: length,
    isChunked: false,
    onWhole: () => {
      stream.end();
    },
    // RFC 9113 §8.1: a stream that is reset is no whole answer.
    onBroken: () => {
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    },
  });
  return 200;
}

/** Ends the answer to a viewer who takes far longer than its bytes could need. */
function limitDuration(stream: ServerHttp2Stream, bytes: number): void {
  const timer = setTimeout(() => {
    stream.close(constants.NGHTTP2_CANCEL);
  }, patienceFor(bytes));
  timer.unref();
  stream.once('close', () => {
    clearTimeout(timer);
  });
}

/** Has the handler of HTTP/1.1 answer. No body is passed on, for nothing here takes one. */
function askHandler(
  within: ReturnType<typeof createServer>,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): void {
  const [client, inner] = duplexPair();
  stream.once('close', () => {
    client.destroy();
    inner.destroy();
  });
  let request: ClientRequest;
  try {
    request = askWithin({
      createConnection: () => client,
      method: headers[':method'] ?? 'GET',
      path: headers[':path'] ?? '/',
      headers: {
        ...ofHttp1(headers),
        host: headers[':authority'] ?? headers.host ?? 'localhost',
        connection: 'close',
      },
    });
  } catch {
    // A target or a header that HTTP/1.1 cannot say.
    stream.respond({ ':status': 400 }, { endStream: true });
    return;
  }
  const giveUp = (): void => {
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  };
  request.once('error', giveUp);
  request.once('response', (response) => {
    if (stream.destroyed) {
      response.destroy();
      return;
    }
    const answered: OutgoingHttpHeaders = { ':status': response.statusCode ?? 502 };
    for (const [name, value] of Object.entries(response.headers)) {
      if (!OF_CONNECTION.has(name)) {
        answered[name] = value;
      }
    }
    stream.respond(answered);
    response.once('error', giveUp);
    response.pipe(stream);
  });
  within.emit('connection', inner);
  request.end();
}

const ofHttp1 = (headers: IncomingHttpHeaders): OutgoingHttpHeaders =>
  Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !name.startsWith(':') && !OF_CONNECTION.has(name) && !OF_BODY.has(name),
    ),
  );
