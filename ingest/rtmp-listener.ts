/** The RTMP port: accepts connections up to a cap overall and for each address. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { listen } from '../common/listen.ts';
import { toPipelineError, type PipelineError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import type { AcceptPublisher } from './publication.ts';
import { RtmpConnection } from './rtmp-server.ts';

/** Times of a connection, real milliseconds. */
export interface RtmpTimeouts {
  /** From the connection to an accepted publish. */
  readonly setup: number;
  /** Without a byte from the peer. */
  readonly idle: number;
}

/** How the port is opened. */
export interface RtmpListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly timeouts: RtmpTimeouts;
}

/** An open RTMP port. */
export interface RtmpListener {
  readonly port: number;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/**
 * Opens the port.
 * @throws BAD_CONFIG if it is taken
 */
export async function startRtmpListener(
  options: RtmpListenerOptions,
  accept: AcceptPublisher,
  logger: Logger,
): Promise<RtmpListener> {
  const sockets = new Set<Socket>();
  const perAddress = new Map<string, number>();
  const server = createServer((socket) => {
    const address = socket.remoteAddress ?? '';
    const count = perAddress.get(address) ?? 0;
    if (sockets.size >= options.maxConnections || count >= options.maxConnectionsPerAddress) {
      logger.debug({ address, connections: sockets.size }, 'too many connections');
      socket.destroy();
      return;
    }
    sockets.add(socket);
    perAddress.set(address, count + 1);
    socket.on('close', () => {
      sockets.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left > 0) {
        perAddress.set(address, left);
      } else {
        perAddress.delete(address);
      }
    });
    serve(socket, accept, options.timeouts, (error) => {
      logger.info({ address, code: error.code, reason: error.message }, 'connection ended');
    });
  });
  await listen(server, options.port, options.host, 'RTMP_PORT');
  server.on('error', (error) => {
    logger.error({ error }, 'rtmp port failed');
  });
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    close: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      for (const socket of sockets) {
        socket.destroy();
      }
      await closed;
    },
  };
}

/**
 * Serves one connection until it closes.
 * @param onError why a connection was ended for what it sent
 */
function serve(
  socket: Socket,
  accept: AcceptPublisher,
  timeouts: RtmpTimeouts,
  onError: (error: PipelineError) => void,
): void {
  const setup = setTimeout(() => socket.destroy(), timeouts.setup);
  const connection = new RtmpConnection(socket, accept, () => {
    clearTimeout(setup);
  });
  const guard = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      onError(toPipelineError(error, 'BAD_REQUEST'));
      socket.destroy();
    }
  };
  socket.setTimeout(timeouts.idle, () => socket.destroy());
  socket.setNoDelay(true);
  socket.on('data', (data: Buffer) => {
    guard(() => {
      connection.receive(data);
    });
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    clearTimeout(setup);
    guard(() => {
      connection.finish(false, 'the connection closed');
    });
  });
}
