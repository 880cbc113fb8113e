/** Writes a media answer to a viewer: ranges, conditions, back-pressure and an end for those who do not read. */
import { matchesEtag, parseRange, type ByteRange } from '#common/http-conditions';
import type { OutgoingHttpHeaders } from 'node:http';
import type { CachedObject } from './cached-object.ts';
import type { Exchange } from './exchange.ts';
import { follow, patienceFor } from './follow.ts';
import type { MediaAnswer } from './media-cache.ts';
import { isText, type MediaRoute } from './paths.ts';
import { cacheControlFor, contentTypeOf } from './policy.ts';

/** Media may be read from any page; none of these depends on who asks. */
export const MEDIA_HEADERS: Readonly<OutgoingHttpHeaders> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Content-Length, Content-Range, Date, ETag',
  'timing-allow-origin': '*',
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
};

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'bad request',
  403: 'forbidden',
  404: 'not found',
  410: 'gone',
  429: 'too many requests',
  502: 'the origin cannot be reached',
  503: 'not ready yet, ask again',
};

const textOf = (status: number): string => `${STATUS_TEXT[status] ?? 'error'}\n`;

/** Answers with a status and a line of text. */
export function sendStatus(
  exchange: Exchange,
  status: number,
  headers: OutgoingHttpHeaders = {},
): void {
  const text = textOf(status);
  exchange.respond(status, {
    ...MEDIA_HEADERS,
    'cache-control': 'no-store',
    'content-type': 'text/plain; charset=utf-8',
    'content-length': text.length,
    ...headers,
  });
  endWith(exchange, text);
}

/** Ends an answer that has begun; to HEAD the body is not sent. */
export function endWith({ method, body }: Exchange, bytes: string | Uint8Array): void {
  body.end(method === 'HEAD' ? undefined : bytes);
}

/** What to send when there is no whole object to be had. */
export function statusAnswer(answer: MediaAnswer): {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly text: string;
} {
  // An answer that broke before its first byte went out can still be named for what it is.
  const status = answer.object === undefined ? answer.status : 502;
  return {
    status,
    text: textOf(status),
    headers: {
      ...MEDIA_HEADERS,
      'cache-control': status === 404 ? 'public, max-age=0, must-revalidate' : 'no-store',
      'content-type': 'text/plain; charset=utf-8',
      ...(answer.retryAfter === undefined ? {} : { 'retry-after': answer.retryAfter }),
    },
  };
}

/** The headers of an object, but for its length. */
export function mediaHeaders(route: MediaRoute, answer: MediaAnswer): OutgoingHttpHeaders {
  const etag = answer.object?.etag;
  return {
    ...MEDIA_HEADERS,
    'cache-control': cacheControlFor(route.media, answer.cacheControl),
    'content-type': contentTypeOf(route.media, route.key),
    ...(etag === undefined ? {} : { etag }),
    ...(isText(route) ? { vary: 'Accept-Encoding' } : { 'accept-ranges': 'bytes' }),
  };
}

/** The same headers over the packed form: another form of the text, whose tag may only match weakly (RFC 9110 §8.8.1). */
export function gzipHeaders(
  headers: OutgoingHttpHeaders,
  { etag }: CachedObject,
): OutgoingHttpHeaders {
  return {
    ...headers,
    'content-encoding': 'gzip',
    ...(etag === undefined ? {} : { etag: etag.startsWith('W/') ? etag : `W/${etag}` }),
  };
}

/** Writes the answer; returns the status sent. */
export function sendMedia(exchange: Exchange, route: MediaRoute, answer: MediaAnswer): number {
  const { object } = answer;
  if (object === undefined || object.state === 'broken') {
    const { status, headers } = statusAnswer(answer);
    sendStatus(exchange, status, headers);
    return status;
  }
  const headers = mediaHeaders(route, answer);
  if (matchesEtag(exchange.headers['if-none-match'], object.etag)) {
    exchange.respond(304, headers);
    exchange.body.end();
    return 304;
  }
  return isText(route) ? sendText(exchange, object, headers) : sendBytes(exchange, object, headers);
}

function sendText(exchange: Exchange, object: CachedObject, headers: OutgoingHttpHeaders): number {
  const { gzipped } = object;
  if (gzipped !== undefined && /\bgzip\b/.test(String(exchange.headers['accept-encoding'] ?? ''))) {
    exchange.respond(200, {
      ...gzipHeaders(headers, object),
      'content-length': gzipped.length,
    });
    endWith(exchange, gzipped);
    return 200;
  }
  writeBody(exchange, object, 200, headers, 0, undefined);
  return 200;
}

function sendBytes(exchange: Exchange, object: CachedObject, headers: OutgoingHttpHeaders): number {
  const total = object.length;
  const condition = exchange.headers['if-range'];
  const mayBePartial = condition === undefined || condition === object.etag;
  const range = mayBePartial ? rangeOf(exchange.headers.range, object) : undefined;
  if (range === 'unsatisfiable') {
    exchange.respond(416, { ...headers, 'content-range': `bytes */${total}` });
    exchange.body.end();
    return 416;
  }
  if (range === undefined) {
    writeBody(exchange, object, 200, headers, 0, total);
    return 200;
  }
  headers['content-range'] = `bytes ${range.start}-${range.end}/${total ?? '*'}`;
  writeBody(exchange, object, 206, headers, range.start, range.end + 1);
  return 206;
}

/**
 * The range to be sent. Of an object whose length is not known yet (RFC 9110 §14.4: `*`) only what has come can be sent as
 * one; the whole is a right answer to all else.
 */
function rangeOf(
  header: string | undefined,
  { length, received }: CachedObject,
): ByteRange | 'unsatisfiable' | undefined {
  if (length !== undefined) {
    return parseRange(header, length);
  }
  const [, start, end] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header ?? '') ?? [];
  const range = { start: Number(start), end: Number(end) };
  return range.start <= range.end && range.end < received ? range : undefined;
}

/** Sends bytes `[start, end)` as they become available; without `end`, until the object is complete. */
function writeBody(
  exchange: Exchange,
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
  exchange.respond(status, headers);
  const { body, pieceBytes, breakOff } = exchange;
  if (exchange.method === 'HEAD') {
    body.end();
    return;
  }
  limitDuration(exchange, last === undefined ? 0 : last - start);
  if (object.state === 'complete' && object.received - start <= pieceBytes) {
    body.end(object.slice(start, end ?? object.received));
    return;
  }
  follow(body, {
    object,
    start,
    end: last,
    isChunked: false,
    pieceBytes,
    onWhole: () => {
      body.end();
    },
    onBroken: breakOff,
  });
}

/** Breaks off the answer to a viewer who takes far longer than its bytes could need. */
function limitDuration({ body, breakOff }: Exchange, bytes: number): void {
  const timer = setTimeout(breakOff, patienceFor(bytes));
  timer.unref();
  body.once('close', () => {
    clearTimeout(timer);
  });
}
