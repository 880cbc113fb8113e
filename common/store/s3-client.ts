/** Requests to one bucket with bounds: how many at once, how long each may take, and when one is tried again. */
import { S3Client } from '@aws-sdk/client-s3';
import pRetry from 'p-retry';
import { linkSignals } from '../linked-signal.ts';
import { RequestGate, untilAborted } from './request-gate.ts';
import { isPassing, storeError } from './s3-errors.ts';

/** Where the bucket is and who we are to it. */
export interface S3Settings {
  readonly endpoint: string;
  readonly bucket: string;
  /** AWS signs with it; `us-east-1` by default. */
  readonly region?: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Bounds of a client; milliseconds are real ones. */
export interface S3Limits {
  readonly connectMs: number;
  /** A whole request, waiting for its turn and reading its answer included. */
  readonly requestMs: number;
  /** One try of a read, until its answer begins; a hanging connection then leaves time for another. */
  readonly readTryMs: number;
  /** A connection on which nothing moves. */
  readonly idleMs: number;
  /** Requests at once, and requests that may wait, for reads and for writes each. */
  readonly running: number;
  readonly waiting: number;
}

/** What a segment of 20 MB needs on a slow line, and no more than its owner's own patience. */
const LIMITS: S3Limits = {
  connectMs: 2_000,
  requestMs: 15_000,
  readTryMs: 4_000,
  idleMs: 15_000,
  running: 32,
  waiting: 512,
};
/** The one that every server takes. */
export const DEFAULT_REGION = 'us-east-1';
/** How often a read that failed in passing is sent again. */
const RETRIES = 2;
const FIRST_PAUSE_MS = 100;

/** Sends one request, which `signal` ends; `answered` says that the answer has begun and only its body is to come. */
export type Send<T> = (client: S3Client, signal: AbortSignal, answered: () => void) => Promise<T>;

/** How a request is to be made. */
export interface Call {
  /** For the error: "cannot …". */
  readonly action: string;
  /** The caller's. */
  readonly signal?: AbortSignal | undefined;
  /** Keeps the request's place until the returned function is called; for bodies that are read later. */
  readonly onPlace?: (leave: () => void) => void;
}

/** See the head of this file. Writes are tried once: their callers hold the bytes and own the retry. */
export class BoundedS3 {
  readonly #client: S3Client;
  readonly #limits: S3Limits;
  readonly #reads: RequestGate;
  readonly #writes: RequestGate;

  constructor(settings: S3Settings, limits: Partial<S3Limits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
    this.#reads = new RequestGate(this.#limits);
    this.#writes = new RequestGate(this.#limits);
    const { connectMs, requestMs, idleMs, running } = this.#limits;
    // The gates bound what is under way; every request they let in finds a socket at once.
    const agent = { keepAlive: true, maxSockets: 2 * running + 1 };
    this.#client = new S3Client({
      endpoint: settings.endpoint,
      region: settings.region ?? DEFAULT_REGION,
      forcePathStyle: true,
      credentials: {
        accessKeyId: settings.accessKeyId,
        secretAccessKey: settings.secretAccessKey,
      },
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: connectMs,
        requestTimeout: requestMs,
        // Without it the SDK only prints a warning and waits for ever.
        throwOnRequestTimeout: true,
        socketTimeout: idleMs,
        httpAgent: agent,
        httpsAgent: agent,
      },
    });
  }

  /** Sends a write. */
  async write<T>(call: Call, send: Send<T>): Promise<T> {
    const { signal, end } = this.#deadline(call.signal);
    try {
      const leave = await this.#writes.enter(signal);
      // A request given up keeps its place until it is really over: a place stands for a connection.
      const sent = send(this.#client, signal, () => undefined).finally(leave);
      return await untilAborted(sent, signal);
    } catch (error) {
      throw storeError(call.action, error, call.signal);
    } finally {
      end();
    }
  }

  /** Sends a read, again when it fails in passing. */
  async read<T>(call: Call, send: Send<T>): Promise<T> {
    const { signal, end } = this.#deadline(call.signal);
    try {
      const leave = await this.#reads.enter(signal);
      let isKept = false;
      try {
        const answer = await this.#tryAgain(signal, send);
        if (call.onPlace !== undefined) {
          isKept = true;
          call.onPlace(leave);
        }
        return answer;
      } finally {
        if (!isKept) {
          leave();
        }
      }
    } catch (error) {
      throw storeError(call.action, error, call.signal);
    } finally {
      end();
    }
  }

  /** Lets go of connections. */
  close(): void {
    this.#client.destroy();
  }

  #tryAgain<T>(signal: AbortSignal, send: Send<T>): Promise<T> {
    return pRetry(() => this.#try(signal, send), {
      retries: RETRIES,
      minTimeout: FIRST_PAUSE_MS,
      // Spread, so that readers that failed together do not come back together.
      randomize: true,
      signal,
      shouldRetry: ({ error }) => isPassing(error),
    });
  }

  async #try<T>(signal: AbortSignal, send: Send<T>): Promise<T> {
    const tried = new AbortController();
    const timer = setTimeout(() => {
      tried.abort(timeoutError('no answer in time'));
    }, this.#limits.readTryMs);
    const either = linkSignals([signal, tried.signal]);
    try {
      const answered = (): void => {
        clearTimeout(timer);
      };
      return await untilAborted(send(this.#client, either.signal, answered), either.signal);
    } finally {
      clearTimeout(timer);
      either.release();
    }
  }

  /** The caller's signal or the request's time, until `end`: a body that is read later has only its idle limit. */
  #deadline(caller: AbortSignal | undefined): { readonly signal: AbortSignal; end: () => void } {
    const late = new AbortController();
    const { requestMs } = this.#limits;
    const timer = setTimeout(() => {
      late.abort(timeoutError(`no answer within ${requestMs} ms`));
    }, requestMs);
    const linked = linkSignals([...(caller === undefined ? [] : [caller]), late.signal]);
    const end = (): void => {
      clearTimeout(timer);
      linked.release();
    };
    return { signal: linked.signal, end };
  }
}

/** What signals of deadlines give as their reason, under the name that the platform's own have. */
function timeoutError(message: string): Error {
  const error = new Error(message);
  error.name = 'TimeoutError';
  return error;
}
