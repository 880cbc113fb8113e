/** `/healthz`, `/readyz` and `/metrics`, the same on every service. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';

/** Answers the three paths; `handle` returns false for any other. */
export interface HealthAnswer {
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response
    .writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    })
    .end(body);
}

/** Alive means the process answers; ready means it can do its work. */
export function createHealthAnswer(metrics: Registry, isReady: () => boolean): HealthAnswer {
  return {
    handle: (request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        return false;
      }
      switch (request.url) {
        case '/healthz':
          answer(response, 200, 'text/plain', 'ok\n');
          return true;
        case '/readyz':
          answer(
            response,
            isReady() ? 200 : 503,
            'text/plain',
            isReady() ? 'ready\n' : 'not ready\n',
          );
          return true;
        case '/metrics':
          metrics.metrics().then(
            (text) => {
              answer(response, 200, metrics.contentType, text);
            },
            () => {
              answer(response, 500, 'text/plain', 'metrics failed\n');
            },
          );
          return true;
        default:
          return false;
      }
    },
  };
}
