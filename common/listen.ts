/** Servers: listening with an error that helps, and how URLs name the host. */
import { isIPv6, type Server as NetServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { PipelineError } from './errors.ts';

/**
 * Listens, or says which setting to change.
 * @param backlog connections that the system may hold until they are taken; Node's own default
 * @throws PipelineError `BAD_CONFIG` when the port is taken or the address is not this machine's
 */
export async function listen(
  server: NetServer,
  port: number,
  host: string,
  setting: string,
  backlog = 511,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const message = cannotListen(error, port, host, setting);
      reject(new PipelineError('BAD_CONFIG', message, { cause: error }));
    });
    server.listen(port, host, backlog, () => {
      server.removeAllListeners('error');
      // A connection that the system cannot hand over (no descriptor is left, say) is lost to its client alone.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function cannotListen(
  error: NodeJS.ErrnoException,
  port: number,
  host: string,
  setting: string,
): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} of ${host} is in use by another program: set ${setting} to another port`;
    case 'EACCES':
      return `port ${port} of ${host} is for privileged programs: set ${setting} to a port above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL':
      return `${host} is no address of this machine: set BIND_HOST to one, or to 0.0.0.0 for all`;
    default:
      return `cannot listen on port ${port} of ${host} (${error.code ?? error.message}): look at ${setting} and BIND_HOST`;
  }
}

/** How a URL names the host that listens there: every address is reached by this machine's own, IPv6 has brackets. */
export function reachableHost(bindHost: string): string {
  switch (bindHost) {
    case '0.0.0.0':
      return '127.0.0.1';
    case '::':
      return '[::1]';
    default:
      return isIPv6(bindHost) ? `[${bindHost}]` : bindHost;
  }
}

/** How a URL for others names it: this machine's first outside address where it listens on all. */
export function publicHost(bindHost: string): string {
  if (bindHost !== '0.0.0.0' && bindHost !== '::') {
    return reachableHost(bindHost);
  }
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = addresses.find((found) => found.family === 'IPv4' && !found.internal);
  return outside?.address ?? reachableHost(bindHost);
}
