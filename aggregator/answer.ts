/** HTTP answers, RFC 9110 and 9111: whole or ranged, with or without body, fresh or not modified. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { matchesEtag, parseRange, type ByteRange } from '#common/http-conditions';
import type { OpenObject } from '#common/store/store';
import type { Document } from './playlists.ts';

/** Objects never change under their name. */
export const IMMUTABLE = 'public, max-age=31536000, immutable';

/** Of every answer: media is open to every page; a page may read what tells it of ranges. */
export const COMMON = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Content-Length, Content-Range, Date, ETag',
  'x-content-type-options': 'nosniff',
} as const;

/** A request whose method is GET or HEAD, and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const isHead = ({ request }: Exchange): boolean => request.method === 'HEAD';

/** An error, or nothing: a short text, kept by no cache for long. */
export function answerStatus(
  { request, response }: Exchange,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = Buffer.from(`${text}\n`);
  response.writeHead(status, {
    ...COMMON,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': body.byteLength,
    // 404 may be kept for a second at the live edge; a 5xx is never stored.
    'cache-control': status === 404 ? 'public, max-age=1' : 'no-store',
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** What will never be. */
export function answerNever(exchange: Exchange): void {
  answerStatus(exchange, 404, 'not found');
}

/** What will be, or may be again, but not now. */
export function answerLater(exchange: Exchange): void {
  answerStatus(exchange, 503, 'not yet: try again', { 'retry-after': '1' });
}

/** A line of text that is true only now. */
export function answerText(exchange: Exchange, text: string): void {
  exchange.response.writeHead(200, {
    ...COMMON,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  exchange.response.end(isHead(exchange) ? undefined : text);
}

/** A playlist or manifest. */
export function answerDocument(exchange: Exchange, document: Document): void {
  const { request, response } = exchange;
  const headers = {
    ...COMMON,
    etag: document.etag,
    'cache-control': `public, max-age=${document.maxAge}`,
  };
  if (matchesEtag(request.headers['if-none-match'], document.etag)) {
    response.writeHead(304, headers).end();
    return;
  }
  response.writeHead(200, {
    ...headers,
    'content-type': document.type,
    'content-length': document.body.byteLength,
  });
  response.end(isHead(exchange) ? undefined : document.body);
}

/** An immutable object: its size and tag are known, its bytes are here or can be opened. */
export interface MediaObject {
  readonly type: string;
  readonly etag: string;
  readonly bytes: number;
  readonly cacheControl: string;
  readonly read: (range: ByteRange | undefined) => Buffer | Promise<OpenObject | undefined>;
}

/** Sends an object, or the range of it that is asked for. */
export async function answerObject(exchange: Exchange, object: MediaObject): Promise<void> {
  const { request, response } = exchange;
  const headers = {
    ...COMMON,
    etag: object.etag,
    'accept-ranges': 'bytes',
    'cache-control': object.cacheControl,
    'content-type': object.type,
  };
  if (matchesEtag(request.headers['if-none-match'], object.etag)) {
    response.writeHead(304, headers).end();
    return;
  }
  // RFC 9110 §13.1.5: a range of another version is no range.
  const ifRange = request.headers['if-range'];
  const isRangeValid = ifRange === undefined || ifRange === object.etag;
  const range = isRangeValid ? parseRange(request.headers.range, object.bytes) : undefined;
  if (range === 'unsatisfiable') {
    answerStatus(exchange, 416, 'range not satisfiable', {
      'content-range': `bytes */${object.bytes}`,
    });
    return;
  }
  const status = range === undefined ? 200 : 206;
  const sent = {
    ...headers,
    'content-length': range === undefined ? object.bytes : range.end - range.start + 1,
    ...(range === undefined
      ? {}
      : { 'content-range': `bytes ${range.start}-${range.end}/${object.bytes}` }),
  };
  if (isHead(exchange)) {
    response.writeHead(status, sent).end();
    return;
  }
  const source = object.read(range);
  if (Buffer.isBuffer(source)) {
    response.writeHead(status, sent).end(source);
    return;
  }
  const opened = await source;
  if (opened?.totalBytes !== object.bytes) {
    opened?.body.destroy();
    answerStatus(exchange, 503, 'the object is not in the store now', { 'retry-after': '1' });
    return;
  }
  response.writeHead(status, sent);
  await pipeline(opened.body, response);
}
