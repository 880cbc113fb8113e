/** Writes a media answer to a viewer: ranges, conditions, back-pressure and an end for those who do not read. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { CachedObject } from './cached-object.ts';
import type { MediaAnswer } from './media-cache.ts';
import type { MediaRoute } from './paths.ts';
import { cacheControlFor, contentTypeOf } from './policy.ts';
import { matchesEtag, parseRange } from './range.ts';

/** Media may be read from any page; none of these depends on who asks. */
export const MEDIA_HEADERS: Readonly<OutgoingHttpHeaders> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Content-Length, Content-Range, Date, ETag',
  'timing-allow-origin': '*',
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
};

/** A viewer slower than this (128 kb/s) cannot play the lowest rendition, but would hold its memory. */
const SLOWEST_BYTES_PER_SECOND = 16 * 1024;
const GRACE_MS = 30_000;

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'bad request',
  403: 'forbidden',
  404: 'not found',
  410: 'gone',
  429: 'too many requests',
  502: 'the origin cannot be reached',
  503: 'not ready yet, ask again',
};

/** Answers with a status and a line of text. */
export function sendStatus(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders = {},
): void {
  const text = `${STATUS_TEXT[status] ?? 'error'}\n`;
  response.writeHead(status, {
    ...MEDIA_HEADERS,
    'cache-control': 'no-store',
    'content-type': 'text/plain; charset=utf-8',
    'content-length': text.length,
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}

/** Writes the answer; returns the status sent. */
export function sendMedia(
  request: IncomingMessage,
  response: ServerResponse,
  route: MediaRoute,
  answer: MediaAnswer,
): number {
  const { object } = answer;
  // An answer that broke before its first byte went out can still be named for what it is.
  if (object === undefined || object.state === 'broken') {
    const status = object === undefined ? answer.status : 502;
    sendStatus(request, response, status, {
      ...(answer.retryAfter === undefined ? {} : { 'retry-after': answer.retryAfter }),
      ...(status === 404 ? { 'cache-control': 'public, max-age=0, must-revalidate' } : {}),
    });
    return status;
  }
  const isText = route.media === 'playlist' || route.media === 'manifest';
  const headers: OutgoingHttpHeaders = {
    ...MEDIA_HEADERS,
    'cache-control': cacheControlFor(route.media, answer.cacheControl),
    'content-type': contentTypeOf(route.media, route.key),
    ...(object.etag === undefined ? {} : { etag: object.etag }),
    ...(isText ? { vary: 'Accept-Encoding' } : { 'accept-ranges': 'bytes' }),
  };
  if (matchesEtag(request.headers['if-none-match'], object.etag)) {
    response.writeHead(304, headers).end();
    return 304;
  }
  if (isText) {
    return sendText(request, response, object, headers);
  }
  return sendBytes(request, response, object, headers);
}

function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  object: CachedObject,
  headers: OutgoingHttpHeaders,
): number {
  const { gzipped } = object;
  if (gzipped !== undefined && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) {
    headers['content-encoding'] = 'gzip';
    headers['content-length'] = gzipped.length;
    // Another form of the same text: the tag may only match weakly (RFC 9110 §8.8.1).
    if (object.etag !== undefined) {
      headers['etag'] = object.etag.startsWith('W/') ? object.etag : `W/${object.etag}`;
    }
    response.writeHead(200, headers);
    response.end(request.method === 'HEAD' ? undefined : gzipped);
    return 200;
  }
  writeBody(request, response, object, 200, headers, 0, undefined);
  return 200;
}

function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  object: CachedObject,
  headers: OutgoingHttpHeaders,
): number {
  const total = object.length;
  const condition = request.headers['if-range'];
  const mayBePartial = condition === undefined || condition === object.etag;
  // Without a known length there is nothing to count a range from: the whole is a right answer too.
  const range =
    total === undefined || !mayBePartial ? undefined : parseRange(request.headers.range, total);
  if (range === 'unsatisfiable') {
    response.writeHead(416, { ...headers, 'content-range': `bytes */${total}` }).end();
    return 416;
  }
  if (range === undefined) {
    writeBody(request, response, object, 200, headers, 0, total);
    return 200;
  }
  headers['content-range'] = `bytes ${range.start}-${range.end}/${total}`;
  writeBody(request, response, object, 206, headers, range.start, range.end + 1);
  return 206;
}

/** Sends bytes `[start, end)` as they become available; without `end`, until the object is complete. */
function writeBody(
  request: IncomingMessage,
  response: ServerResponse,
  object: CachedObject,
  status: number,
  headers: OutgoingHttpHeaders,
  start: number,
  end: number | undefined,
): void {
  const last = end ?? object.length;
  if (last !== undefined) {
    headers['content-length'] = last - start;
  }
  response.writeHead(status, headers);
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  limitDuration(response, last === undefined ? 0 : last - start);
  if (object.state === 'complete') {
    response.end(object.slice(start, end ?? object.received));
    return;
  }
  follow(response, object, start, end);
}

/** Ends the connection of a viewer who takes far longer than its bytes could need. */
function limitDuration(response: ServerResponse, bytes: number): void {
  const timer = setTimeout(
    () => {
      response.destroy();
    },
    GRACE_MS + (bytes / SLOWEST_BYTES_PER_SECOND) * 1000,
  );
  timer.unref();
  response.once('close', () => {
    clearTimeout(timer);
  });
}

/** Writes what has arrived whenever more arrives, and waits while the viewer does not take it. */
function follow(
  response: ServerResponse,
  object: CachedObject,
  start: number,
  end: number | undefined,
): void {
  let sent = start;
  let isBlocked = false;
  let isDone = false;
  const stop = object.onChange(step);
  response.on('drain', () => {
    isBlocked = false;
    step();
  });
  response.once('close', stop);
  step();

  function step(): void {
    if (isBlocked || isDone || response.destroyed) {
      return;
    }
    const available = Math.min(object.received, end ?? Number.POSITIVE_INFINITY);
    if (available > sent) {
      const slice = object.slice(sent, available);
      sent = available;
      isBlocked = !response.write(slice);
    }
    if (object.state === 'broken') {
      isDone = true;
      stop();
      // Fewer bytes than announced, or a chunked body without its end: the viewer sees that it is not whole.
      response.destroy();
    } else if (sent === end || (object.state === 'complete' && sent === object.received)) {
      isDone = true;
      stop();
      response.end();
    }
  }
}
