/**
 * The way to the origin (or the edge before it): kept-alive connections, bounded in number, with deadlines. Where there
 * are several, the first is asked, and the next one when it does not answer.
 */
import { setMaxListeners } from 'node:events';
import { Pool } from 'undici';
import { toPipelineError } from '#common/errors';
import type { CachedObject } from './cached-object.ts';

/** What the upstream said before its body. */
export interface UpstreamHead {
  readonly status: number;
  readonly etag: string | undefined;
  readonly cacheControl: string | undefined;
  readonly retryAfter: string | undefined;
  readonly contentRange: string | undefined;
  readonly length: number | undefined;
  /** The end of the body can be told from a lost connection (RFC 9112 §6.3). */
  readonly isFramed: boolean;
}

/** What takes a body. */
export type BodySink = Pick<CachedObject, 'append' | 'complete'>;

/** An answer under way: the body is read by whoever asked. */
export interface UpstreamAnswer {
  readonly head: UpstreamHead;
  /** Reads the body; rejects when the upstream breaks off or the sink refuses it. */
  readInto(sink: BodySink): Promise<void>;
  /** Drops the body. */
  discard(): Promise<void>;
}

/** What of an object is known already. */
export interface KnownBefore {
  readonly etag: string | undefined;
  /** The object from this byte on, or all of it where the upstream cannot; without: only if it has another tag. */
  readonly from?: number;
}

/** What the cache needs of the upstream. */
export interface Upstream {
  /** @throws PipelineError `UNAVAILABLE` */
  fetch(path: string, known?: KnownBefore): Promise<UpstreamAnswer>;
  isHealthy(): Promise<boolean>;
  /** Aborted once it is closed: whoever waits to ask again need not. */
  readonly closed: AbortSignal;
  close(): Promise<void>;
}

/** Held requests occupy a connection each: two numbers ahead of every rendition of many channels. */
const CONNECTIONS = 512;
/** The upstream holds a request up to four segments, 8 s; its answer must win against this deadline. */
const HEADERS_TIMEOUT_MS = 15_000;
const BODY_TIMEOUT_MS = 10_000;
const HEALTH_TIMEOUT_MS = 2_000;
/** One that failed is asked last for so long, real milliseconds. */
const AWAY_MS = 2_000;

interface Place {
  readonly pool: Pool;
  awayUntil: number;
}

/** Opens the pools, the preferred one first; connects when first asked. */
export function openUpstream(urls: readonly string[]): Upstream {
  const places = urls.map((url): Place => ({ pool: openPool(url), awayUntil: 0 }));
  const closing = new AbortController();
  // Every answer that broke off may wait on it; their number has its own bound.
  setMaxListeners(0, closing.signal);
  const isAway = ({ awayUntil }: Place): boolean => performance.now() < awayUntil;
  const setAway = (place: Place): void => {
    place.awayUntil = performance.now() + AWAY_MS;
  };
  /** The one alone twice: its kept-alive connections may have ended with its last life. */
  const inOrder = (): readonly Place[] =>
    places.length === 1
      ? [...places, ...places]
      : [...places.filter((place) => !isAway(place)), ...places.filter(isAway)];
  const ask = async (place: Place, path: string, known: KnownBefore | undefined) => {
    const { statusCode, headers, body } = await place.pool.request({
      method: 'GET',
      path,
      headers: conditionsOf(known),
    });
    const answer: UpstreamAnswer = {
      head: readHead(statusCode, headers),
      readInto: async (sink) => {
        try {
          for await (const chunk of body as AsyncIterable<Buffer>) {
            sink.append(chunk);
          }
        } catch (error) {
          // What is too large for us is no fault of the upstream's.
          if (toPipelineError(error, 'UNAVAILABLE').code !== 'TOO_LARGE') {
            setAway(place);
          }
          throw error;
        }
        sink.complete();
      },
      discard: async () => {
        await body.dump();
      },
    };
    return { answer, isLeaving: headers['connection'] === 'close' };
  };
  return {
    fetch: async (path, known) => {
      let failure: unknown;
      let refusal: UpstreamAnswer | undefined;
      for (const place of inOrder()) {
        if (refusal !== undefined && places.length === 1) {
          break;
        }
        try {
          const { answer, isLeaving } = await ask(place, path, known);
          const { status } = answer.head;
          // A 503 of who stays is an answer: it has held the request for as long as that may take.
          if (status < 500 || (status === 503 && !isLeaving)) {
            await refusal?.discard();
            return answer;
          }
          await refusal?.discard();
          refusal = answer;
        } catch (error) {
          failure = error;
        }
        setAway(place);
      }
      if (refusal !== undefined) {
        return refusal;
      }
      throw toPipelineError(failure, 'UNAVAILABLE');
    },
    isHealthy: async () => {
      const answers = await Promise.all(places.map(({ pool }) => isHealthy(pool)));
      return answers.includes(true);
    },
    closed: closing.signal,
    close: async () => {
      closing.abort();
      await Promise.all(places.map(({ pool }) => pool.destroy()));
    },
  };
}

const openPool = (url: string): Pool =>
  new Pool(new URL(url).origin, {
    connections: CONNECTIONS,
    pipelining: 1,
    connect: { timeout: 3_000 },
    keepAliveTimeout: 4_000,
    headersTimeout: HEADERS_TIMEOUT_MS,
    bodyTimeout: BODY_TIMEOUT_MS,
    maxHeaderSize: 16 * 1024,
  });

/** RFC 9110 §13.1.2, §13.1.5, §14.2 */
function conditionsOf({ etag, from }: KnownBefore = { etag: undefined }): Record<string, string> {
  if (from !== undefined) {
    return { range: `bytes=${from}-`, ...(etag === undefined ? {} : { 'if-range': etag }) };
  }
  return etag === undefined ? {} : { 'if-none-match': etag };
}

async function isHealthy(pool: Pool): Promise<boolean> {
  try {
    const { statusCode, body } = await pool.request({
      method: 'GET',
      path: '/healthz',
      headersTimeout: HEALTH_TIMEOUT_MS,
      bodyTimeout: HEALTH_TIMEOUT_MS,
    });
    await body.dump();
    return statusCode === 200;
  } catch {
    return false;
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

function readHead(status: number, headers: Headers): UpstreamHead {
  const one = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' && value.length <= 1024 ? value : undefined;
  };
  const declared = Number(one('content-length') ?? Number.NaN);
  const length = Number.isSafeInteger(declared) && declared >= 0 ? declared : undefined;
  return {
    status,
    etag: one('etag'),
    cacheControl: one('cache-control'),
    retryAfter: one('retry-after'),
    contentRange: one('content-range'),
    length,
    isFramed: length !== undefined || one('transfer-encoding')?.toLowerCase() === 'chunked',
  };
}
