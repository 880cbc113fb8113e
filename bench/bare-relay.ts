/**
 * The reference for `edge-live.bench.ts`: a bare `socket.write` loop. The first request is passed on to the upstream as it
 * came; whatever comes back is written as it is to everyone who has asked, and that is all.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What the parent is told: once the port it listens on, then, whenever it asks, how many wait. */
export type RelayReport = { readonly port: number } | { readonly waiting: number };

const [upstreamPort = '0'] = process.argv.slice(2);
let waiting: Socket[] = [];
let upstream: Socket | undefined;

function passOn(request: Buffer): void {
  upstream = connect({ host: '127.0.0.1', port: Number(upstreamPort), noDelay: true });
  upstream.write(request);
  upstream.on('data', (bytes: Buffer) => {
    for (const socket of waiting) {
      socket.write(bytes);
    }
  });
  upstream.on('error', () => undefined);
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => undefined);
  socket.on('data', (request: Buffer) => {
    waiting.push(socket);
    if (upstream === undefined) {
      passOn(request);
    }
  });
});

process.on('message', (order: 'count' | 'forget') => {
  if (order === 'forget') {
    upstream?.destroy();
    upstream = undefined;
    waiting = [];
  }
  process.send?.({ waiting: waiting.length } satisfies RelayReport);
});

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
await once(server, 'listening');
process.send?.({ port: (server.address() as AddressInfo).port } satisfies RelayReport);
