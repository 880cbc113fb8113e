/**
 * How a server ends: it takes no new connection, says `Connection: close` on those it has, finishes the answers under
 * way, and closes. Answers that have not begun by the deadline, held requests for one, become 503: a client that is
 * told so asks elsewhere at once, one whose connection breaks off has an error.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Closable } from './lifecycle.ts';

/** Answers under way get this long, real milliseconds: a segment to come, and well below what a part of a service may take to close. */
export const DRAIN_MS = 2_500;
/** For the last bytes of what was ended at the deadline. */
export const LAST_BYTES_MS = 250;
const LOOK_MS = 25;

/** Headers of the answer to what could not be answered any more. */
export const LEAVING_HEADERS = {
  'access-control-allow-origin': '*',
  'cache-control': 'no-store',
  'content-length': '0',
  'retry-after': '1',
  connection: 'close',
} as const;

/**
 * Drains a server on `close`. To be called before its first request.
 * @param deadlineMs real milliseconds that answers under way get
 */
export function drainsServer(server: Server, deadlineMs = DRAIN_MS): Closable {
  const open = new Set<ServerResponse>();
  let isDraining = false;
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    open.add(response);
    response.once('close', () => {
      open.delete(response);
    });
    if (isDraining) {
      response.setHeader('connection', 'close');
    }
  });
  return {
    close: async () => {
      isDraining = true;
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      for (const response of open) {
        if (!response.headersSent) {
          response.setHeader('connection', 'close');
        }
      }
      const look = setInterval(() => {
        if (open.size === 0) {
          // Left are connections without a request; Node does not count those that never had one as idle.
          server.closeAllConnections();
        }
      }, LOOK_MS);
      const deadline = setTimeout(() => {
        for (const response of open) {
          if (!response.headersSent) {
            response.writeHead(503, LEAVING_HEADERS).end();
          }
        }
      }, deadlineMs);
      const end = setTimeout(() => {
        server.closeAllConnections();
      }, deadlineMs + LAST_BYTES_MS);
      await closed;
      clearInterval(look);
      clearTimeout(deadline);
      clearTimeout(end);
    },
  };
}
