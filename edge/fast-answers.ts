/** Answers for the fast path: made once, written to everyone who asks within the second. */
import { matchesEtag } from '#common/http-conditions';
import { STATUS_CODES, type OutgoingHttpHeaders } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { Answerer, WireAnswer } from './fast-path.ts';
import type { MediaAnswer, MediaCache } from './media-cache.ts';
import type { EdgeMetrics } from './metrics.ts';
import { isText, parseRoute, type MediaRoute } from './paths.ts';
import type { Wishes } from './plain-request.ts';
import { gzipHeaders, mediaHeaders, statusAnswer } from './send.ts';

/** What it needs. */
export interface FastAnswersOptions {
  readonly cache: MediaCache;
  readonly metrics: EdgeMetrics;
  readonly keepAliveSeconds: number;
}

/** Whole answers kept beside the cache: a share of its bound, so that both together stay near it. */
const READY_BYTES = 8 * 1024 * 1024;
/** A body up to here is copied behind its head and sent in one write. */
const COPIED_BYTES = 64 * 1024;

/** An object that broke off before its first byte went out is no answer. */
const statusOf = ({ object, status }: MediaAnswer): number =>
  object?.state === 'broken' ? 502 : status;

interface Ready {
  readonly answer: MediaAnswer;
  readonly madeAt: number;
  readonly wire: WireAnswer;
}

/** Makes the answerer. */
export function createFastAnswers({
  cache,
  metrics,
  keepAliveSeconds,
}: FastAnswersOptions): Answerer {
  const ready = new LRUCache<string, Ready>({
    maxSize: READY_BYTES,
    sizeCalculation: ({ wire }, key) => wire.head.length + key.length * 2 + 256,
  });
  /** The same of what is still arriving: all who waited for its first bytes begin at once. */
  const arriving = new WeakMap<MediaAnswer, Ready>();
  /** `Date` has whole seconds: what was made within this one is still true. */
  let second = 0;
  let tail = '';
  const now = (): number => {
    const current = Math.floor(Date.now() / 1000);
    if (current !== second) {
      second = current;
      tail = `date: ${new Date(current * 1000).toUTCString()}\r\nconnection: keep-alive\r\nkeep-alive: timeout=${keepAliveSeconds}\r\n\r\n`;
    }
    return current;
  };
  const headOf = (status: number, headers: OutgoingHttpHeaders): Buffer => {
    now();
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    for (const [name, value] of Object.entries(headers)) {
      text += `${name}: ${String(value)}\r\n`;
    }
    return Buffer.from(text + tail, 'latin1');
  };
  const withBody = (status: number, headers: OutgoingHttpHeaders, body: Buffer): WireAnswer => {
    const head = headOf(status, { ...headers, 'content-length': body.length });
    return body.length <= COPIED_BYTES
      ? { head: Buffer.concat([head, body]), body: undefined }
      : { head, body };
  };
  const make = (route: MediaRoute, answer: MediaAnswer, gzip: boolean): WireAnswer => {
    const { object } = answer;
    if (object === undefined || object.state === 'broken') {
      const { status, headers, text } = statusAnswer(answer);
      return withBody(status, headers, Buffer.from(text));
    }
    const headers = mediaHeaders(route, answer);
    if (isText(route) && gzip && object.gzipped !== undefined) {
      return withBody(200, gzipHeaders(headers, object), object.gzipped);
    }
    if (object.state === 'complete') {
      return withBody(200, headers, object.slice(0, object.received));
    }
    const framing =
      object.length === undefined
        ? { 'transfer-encoding': 'chunked' }
        : { 'content-length': object.length };
    return {
      head: headOf(200, { ...headers, ...framing }),
      body: { object, end: object.length },
    };
  };
  const respond = (
    route: MediaRoute,
    answer: MediaAnswer,
    { acceptsGzip, ifNoneMatch }: Wishes,
  ): WireAnswer => {
    if (ifNoneMatch !== undefined && matchesEtag(ifNoneMatch, answer.object?.etag)) {
      metrics.onAnswer(route.media, 304);
      return { head: headOf(304, mediaHeaders(route, answer)), body: undefined };
    }
    const key = acceptsGzip && answer.object?.gzipped !== undefined ? `${route.key}\n` : route.key;
    const known = answer.object?.state === 'filling' ? arriving.get(answer) : ready.get(key);
    if (known?.answer === answer && known.madeAt === now()) {
      metrics.onAnswer(route.media, 200);
      return known.wire;
    }
    const wire = make(route, answer, acceptsGzip);
    metrics.onAnswer(route.media, statusOf(answer));
    if (answer.object?.state === 'complete') {
      ready.set(key, { answer, madeAt: now(), wire });
    } else if (answer.object?.state === 'filling') {
      arriving.set(answer, { answer, madeAt: now(), wire });
    }
    return wire;
  };
  return (target, wishes) => {
    const fresh = cache.fresh(target);
    if (fresh !== undefined) {
      return respond(fresh.route, fresh.answer, wishes);
    }
    const route = parseRoute(target);
    if (route.kind !== 'media') {
      return undefined;
    }
    const answer = cache.get(route);
    return answer instanceof Promise
      ? answer.then((found) => respond(route, found, wishes))
      : respond(route, answer, wishes);
  };
}
