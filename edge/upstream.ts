/** The way to the origin (or the edge before it): kept-alive connections, bounded in number, with deadlines. */
import { Pool } from 'undici';
import { toPipelineError } from '#common/errors';
import type { CachedObject } from './cached-object.ts';

/** What the upstream said before its body. */
export interface UpstreamHead {
  readonly status: number;
  readonly etag: string | undefined;
  readonly cacheControl: string | undefined;
  readonly retryAfter: string | undefined;
  readonly length: number | undefined;
  /** The end of the body can be told from a lost connection (RFC 9112 §6.3). */
  readonly isFramed: boolean;
}

/** An answer under way: the body is read by whoever asked. */
export interface UpstreamAnswer {
  readonly head: UpstreamHead;
  /** Reads the body into the object; rejects when the upstream breaks off or the object refuses it. */
  readInto(object: CachedObject): Promise<void>;
  /** Drops the body. */
  discard(): Promise<void>;
}

/** What the cache needs of the upstream. */
export interface Upstream {
  /** @throws PipelineError `UNAVAILABLE` */
  fetch(path: string, etag: string | undefined): Promise<UpstreamAnswer>;
  isHealthy(): Promise<boolean>;
  close(): Promise<void>;
}

/** Held requests occupy a connection each: two numbers ahead of every rendition of many channels. */
const CONNECTIONS = 512;
/** The upstream holds a request up to four segments, 8 s; its answer must win against this deadline. */
const HEADERS_TIMEOUT_MS = 15_000;
const BODY_TIMEOUT_MS = 10_000;
const HEALTH_TIMEOUT_MS = 2_000;

/** Opens the pool; connects when first asked. */
export function openUpstream(url: string): Upstream {
  const pool = new Pool(new URL(url).origin, {
    connections: CONNECTIONS,
    pipelining: 1,
    connect: { timeout: 3_000 },
    keepAliveTimeout: 4_000,
    headersTimeout: HEADERS_TIMEOUT_MS,
    bodyTimeout: BODY_TIMEOUT_MS,
    maxHeaderSize: 16 * 1024,
  });
  return {
    fetch: async (path, etag) => {
      try {
        const { statusCode, headers, body } = await pool.request({
          method: 'GET',
          path,
          headers: etag === undefined ? {} : { 'if-none-match': etag },
        });
        return {
          head: readHead(statusCode, headers),
          readInto: async (object) => {
            for await (const chunk of body as AsyncIterable<Buffer>) {
              object.append(chunk);
            }
            object.complete();
          },
          discard: async () => {
            await body.dump();
          },
        };
      } catch (error) {
        throw toPipelineError(error, 'UNAVAILABLE');
      }
    },
    isHealthy: async () => {
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
    },
    close: async () => {
      await pool.destroy();
    },
  };
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
    length,
    isFramed: length !== undefined || one('transfer-encoding')?.toLowerCase() === 'chunked',
  };
}
