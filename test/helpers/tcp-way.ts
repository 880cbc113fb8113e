/** A way to a server through this process, on which a test does as it likes to what passes. */
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

/** See the head of this file. */
export interface TcpWay {
  /** Base address of the server, by this way. */
  readonly url: string;
  /** Breaks every connection off and listens no more. */
  readonly close: () => Promise<void>;
}

/** One connection on the way. */
export interface WayConnection {
  /** From whoever came. */
  readonly viewer: Socket;
  /** To the server. */
  readonly upstream: Socket;
}

/**
 * Opens one on a free port. Errors of its sockets end them and nothing else.
 * @param target base address of the server
 * @param carry joins both sides of a new connection
 */
export async function openTcpWay(
  target: string,
  carry: (connection: WayConnection) => void,
): Promise<TcpWay> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (viewer) => {
    const upstream = createConnection({ port: Number(port), host: hostname, noDelay: true });
    for (const socket of [viewer, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    viewer.on('close', () => upstream.destroy());
    carry({ viewer, upstream });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of sockets) {
        socket.destroy();
      }
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}
