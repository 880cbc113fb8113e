/** Bytes that left the edge, counted at the sockets: what viewers really took, broken answers and headers included. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** See the head of this file. */
export interface Traffic {
  /** Never goes back. */
  readonly bytesSent: () => number;
}

/** Counts every connection of the server. */
export function countTraffic(server: Server): Traffic {
  const open = new Set<Socket>();
  let closed = 0;
  server.on('connection', (socket) => {
    // Its bytes are those of the connection under it, which is counted.
    if (socket instanceof TLSSocket) {
      return;
    }
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      closed += socket.bytesWritten;
    });
  });
  return {
    bytesSent: () => {
      let sum = closed;
      for (const socket of open) {
        sum += socket.bytesWritten;
      }
      return sum;
    },
  };
}
