/** Bounds what one HTTP connection may ask for before it is answered (RFC 9112 §9.3.2). */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** No browser, proxy or player pipelines at all. */
export const MOST_UNANSWERED = 16;

/**
 * Ends connections with more requests unanswered: while answers are held, node:http goes on reading, and each request
 * keeps its headers.
 */
export function boundPipelining(server: Server): void {
  const unanswered = new WeakMap<Socket, number>();
  server.prependListener('request', ({ socket }, response) => {
    const count = (unanswered.get(socket) ?? 0) + 1;
    unanswered.set(socket, count);
    response.once('close', () => {
      unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1);
    });
    if (count > MOST_UNANSWERED) {
      socket.destroy();
    }
  });
}
