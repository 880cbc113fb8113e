/** Servers: listening with an error that helps, and closing without waiting for idle clients. */
import type { Server } from 'node:http';
import type { Server as NetServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { PipelineError } from './errors.ts';
import type { Closable } from './lifecycle.ts';

/**
 * Listens, or says which setting to change.
 * @throws PipelineError `BAD_CONFIG` when the port is taken or the address is not this machine's
 */
export async function listen(
  server: NetServer,
  port: number,
  host: string,
  setting: string,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'is in use by another program' : error.message;
      reject(
        new PipelineError(
          'BAD_CONFIG',
          `port ${port} of ${host} ${why}: set ${setting} to another`,
          {
            cause: error,
          },
        ),
      );
    });
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

/** Stops accepting, ends idle connections, and ends the rest after a second. */
export function closesServer(server: Server): Closable {
  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      server.closeIdleConnections();
      const timer = setTimeout(() => {
        server.closeAllConnections();
      }, 1_000);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** The address by which other machines reach a server that listens on `bindHost`, where it is known. */
export function reachableHost(bindHost: string): string {
  if (bindHost !== '0.0.0.0') {
    return bindHost;
  }
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const reachable = addresses.find((found) => found.family === 'IPv4' && !found.internal);
  return reachable?.address ?? '127.0.0.1';
}
