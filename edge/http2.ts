/**
 * HTTP/2 (RFC 9113): all of a player's requests on one connection, however many are held. Media is written to streams from
 * memory, as it arrives; everything else, pages for one, is answered by the handler of HTTP/1.1 behind it.
 */
import {
  createServer,
  request as askWithin,
  type ClientRequest,
  type RequestListener,
  type Server,
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
import { DRAIN_MS, LAST_BYTES_MS, LEAVING_HEADERS } from '#common/drain';
import { PipelineError } from '#common/errors';
import type { Closable } from '#common/lifecycle';
import { answerMedia, type AnswerOptions } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { afterPause, type Pace } from './pace.ts';
import { MAX_TARGET_LENGTH, parseRoute } from './paths.ts';
import type { ViewerReports } from './viewer-reports.ts';

/** What serving needs. */
export interface Http2Options extends AnswerOptions {
  readonly pace: Pace;
  readonly reports: ViewerReports;
  /** Answers what is not media. */
  readonly handler: RequestListener;
  /** A connection without any traffic for so long ends, real milliseconds. */
  readonly idleMs: number;
  /** Real milliseconds that answers under way get on `close`. */
  readonly drainMs?: number;
}

/** Serves connections that speak HTTP/2. */
export interface Http2Server extends Closable {
  readonly serve: (socket: TLSSocket) => void;
}

/** Streams of one connection at a time: four channels, each with all of its renditions held two ahead. */
export const MAX_STREAMS = 64;
/** What waits in a stream is a few of these, with no copy made of them. */
const PIECE_BYTES = 32 * 1024;
/** Of the same bytes nghttp2 counts those that wait in any of the streams, with its own memory; beyond, it refuses streams. */
const MAX_SESSION_MB = 16;
/** A browser has six connections to a host where it has no HTTP/2. */
const CONNECTIONS_EACH = 6;
/** Requests that a client may take back at once: a player does with what is held, when its viewer seeks or leaves a channel. */
export const RESETS_FREE = 200;
const RESETS_PER_SECOND = 20;
const MAX_HEADER_PAIRS = 64;
const MAX_HEADER_BYTES = 8 * 1024;

/** Of a connection, not of an answer (RFC 9113 §8.2.2). */
const OF_CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade']);
const OF_BODY = new Set(['host', 'content-length', 'expect', 'te', 'trailer']);

/** See the head of this file. */
export function createHttp2(options: Http2Options): Http2Server {
  const { pace, reports, drainMs = DRAIN_MS } = options;
  const sessions = new Set<ServerHttp2Session>();
  const streams = new Set<ServerHttp2Stream>();
  // Listens nowhere: requests are put into it.
  const within = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, options.handler);
  let isDraining = false;
  const serve = (socket: TLSSocket): void => {
    const session = performServerHandshake(socket, {
      maxHeaderListPairs: MAX_HEADER_PAIRS,
      maxSessionMemory: MAX_SESSION_MB,
      settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES },
    });
    const visitor = pace.visitorOn(socket, CONNECTIONS_EACH);
    const takeBack = countResets(session);
    sessions.add(session);
    session.once('close', () => {
      sessions.delete(session);
    });
    session.on('error', () => undefined);
    session.setTimeout(options.idleMs, () => {
      session.destroy();
    });
    session.on('stream', (stream, headers) => {
      streams.add(stream);
      stream.on('error', () => undefined);
      stream.once('close', () => {
        streams.delete(stream);
        if (stream.aborted || stream.rstCode !== constants.NGHTTP2_NO_ERROR) {
          takeBack();
        }
      });
      if (!stream.endAfterHeaders) {
        dropBody(stream);
      }
      const { ':path': target = '/', ...others } = headers;
      reports.note(visitor, target);
      const pause = pace.pauseFor(visitor, JSON.stringify(others), target);
      if (pause === 0) {
        answer(options, within, socket, stream, headers);
      } else {
        afterPause(stream, pause, () => {
          answer(options, within, socket, stream, headers);
        });
      }
    });
    if (isDraining) {
      session.close();
    }
  };
  const close = async (): Promise<void> => {
    isDraining = true;
    const closed = Promise.all(
      [...sessions].map(
        (session) =>
          new Promise<void>((resolve) => {
            session.once('close', resolve);
            // No new streams; those that are open go on.
            session.close();
          }),
      ),
    );
    const deadline = setTimeout(() => {
      for (const stream of streams) {
        if (!stream.headersSent && !stream.destroyed && !stream.closed) {
          const { connection: _, ...headers } = LEAVING_HEADERS;
          stream.respond({ ...headers, ':status': 503 }, { endStream: true });
        }
      }
    }, drainMs);
    const end = setTimeout(() => {
      for (const session of sessions) {
        session.destroy();
      }
    }, drainMs + LAST_BYTES_MS);
    await closed;
    clearTimeout(deadline);
    clearTimeout(end);
    within.close();
  };
  return { serve, close };
}

/** Ends a connection that asks and takes back what it asked for on and on: each time is work, and no stream counts as open. */
function countResets(session: ServerHttp2Session): () => void {
  let left = RESETS_FREE;
  let at = performance.now();
  return () => {
    const now = performance.now();
    left = Math.min(RESETS_FREE, left + ((now - at) / 1000) * RESETS_PER_SECOND) - 1;
    at = now;
    if (left < 0) {
      const error = new PipelineError('OVERLOADED', 'too many requests taken back');
      session.destroy(error, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
  };
}

/** Nothing here takes a body: it is not kept, and not read to its end (RFC 9113 §8.1). */
function dropBody(stream: ServerHttp2Stream): void {
  stream.resume();
  stream.once('finish', () => {
    stream.close(constants.NGHTTP2_NO_ERROR);
  });
}

function answer(
  options: Http2Options,
  within: Server,
  socket: TLSSocket,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): void {
  if (stream.closed || stream.destroyed) {
    return;
  }
  const { ':path': target = '', ':method': method } = headers;
  const isForMedia = (method === 'GET' || method === 'HEAD') && target.length <= MAX_TARGET_LENGTH;
  const route = isForMedia ? parseRoute(target) : undefined;
  if (route?.kind === 'media') {
    answerMedia(options, http2Exchange(socket, stream, headers), route);
  } else {
    askHandler(within, stream, headers);
  }
}

/** Ends a stream so that nobody takes what it carried for the whole (RFC 9113 §8.1): `close` would end its body first. */
function reset(stream: ServerHttp2Stream): void {
  stream.destroy(new PipelineError('UNAVAILABLE', 'answer broke off'));
}

/** An exchange of HTTP/2. */
function http2Exchange(
  socket: TLSSocket,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): Exchange {
  return {
    method: headers[':method'],
    headers,
    address: socket.remoteAddress,
    body: stream,
    pieceBytes: PIECE_BYTES,
    isSettled: () => stream.headersSent || stream.closed || stream.destroyed,
    respond: (status, answered) => {
      stream.respond({ ...answered, ':status': status });
    },
    breakOff: () => {
      reset(stream);
    },
  };
}

/** Has the handler of HTTP/1.1 answer. No body is passed on, for nothing here takes one. */
function askHandler(within: Server, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
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
    reset(stream);
  };
  request.once('error', giveUp);
  request.once('response', (response) => {
    if (stream.destroyed || stream.closed || stream.headersSent) {
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
