/** The origin's HTTP server: plain node:http, with limits on what a client may make it wait for. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { boundPipelining } from '#common/pipelining';
import { httpStatusOf, toPipelineError } from '#common/errors';
import type { HealthAnswer } from '#common/health';
import type { Logger } from '#common/logger';
import { answerStatus, type Exchange } from './answer.ts';
import type { OriginMetrics } from './metrics.ts';
import type { Origin } from './origin.ts';
import { parseRoute } from './route.ts';

/** Real milliseconds. A held request is silent for 4 segments, 8 s, at most; a client that takes no byte for longer is gone. */
const LIMITS = {
  headers: 5_000,
  request: 10_000,
  keepAlive: 60_000,
  silence: 30_000,
  headerBytes: 8 * 1024,
} as const;

/** What serving needs. */
export interface ServerDeps {
  readonly origin: Origin;
  readonly health: HealthAnswer;
  readonly logger: Logger;
  readonly metrics: OriginMetrics;
}

async function handle({ origin, logger }: ServerDeps, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const route = parseRoute(request.url ?? '');
  if (route === undefined) {
    answerStatus(exchange, 404, 'not found');
    return;
  }
  if (route === 'malformed') {
    answerStatus(exchange, 400, 'delivery directives are not as RFC 8216bis §6.2.5 says');
    return;
  }
  try {
    await origin.answer(exchange, route);
  } catch (error) {
    const { code, message } = toPipelineError(error);
    if (response.destroyed || response.writableEnded) {
      return;
    }
    if (response.headersSent) {
      // A cut connection is the one way left to say that the body is not whole.
      response.destroy();
      logger.warn({ route, code, reason: message }, 'answer broke off');
      return;
    }
    logger.warn({ route, code, reason: message }, 'request failed');
    answerStatus(exchange, httpStatusOf(code), 'failed', { 'retry-after': '1' });
  }
}

/** A server that is not listening yet. */
export function createOriginServer(deps: ServerDeps): Server {
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    // Errors of a socket end its exchange and concern nobody else.
    response.on('error', () => undefined);
    response.once('close', () => {
      deps.metrics.answers.inc({ status: String(response.statusCode) });
    });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answerStatus({ request, response }, 405, 'only GET and HEAD', { allow: 'GET, HEAD' });
      return;
    }
    if (deps.health.handle(request, response)) {
      return;
    }
    handle(deps, { request, response }).catch((error: unknown) => {
      deps.logger.error({ error: toPipelineError(error) }, 'request failed');
      response.destroy();
    });
  };
  const server = createServer(
    {
      headersTimeout: LIMITS.headers,
      requestTimeout: LIMITS.request,
      keepAliveTimeout: LIMITS.keepAlive,
      maxHeaderSize: LIMITS.headerBytes,
      noDelay: true,
    },
    onRequest,
  );
  boundPipelining(server);
  // Without a listener of its own Node destroys a socket that has been silent for so long.
  server.setTimeout(LIMITS.silence);
  return server;
}
