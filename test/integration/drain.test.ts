/** How servers end: answers under way come whole, held requests are told, and nobody else is waited for. */
import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { drainsServer } from '#common/drain';
import { gate, patternBytes, startEdgeOrigin } from './edge-origin.ts';
import { runEdge } from './edge-run.ts';

const LEAVING = /^HTTP\/1\.1 503 (?=[^]*retry-after: 1\r\n)[^]*connection: close\r\n/i;

/** One request, and everything that comes until the connection ends. */
function ask(
  port: number,
  text: string,
): { readonly socket: Socket; readonly whole: Promise<Buffer>; readonly began: Promise<void> } {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  let isCut = false;
  const began = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      resolve();
    });
  });
  socket.on('error', () => {
    isCut = true;
  });
  const whole = once(socket, 'close').then(() => {
    expect(isCut).toBe(false);
    return Buffer.concat(chunks);
  });
  socket.write(text);
  return { socket, whole, began };
}

const get = (path: string, headers = ''): string =>
  `GET ${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`;

async function start(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('a server that drains', () => {
  test('finishes what is under way, tells what is held, and closes the rest at once', async () => {
    const body = gate();
    const asked = gate();
    const server = createServer((request, response) => {
      if (request.url === '/held') {
        asked.open();
        return;
      }
      response.writeHead(200, { 'content-length': 8 });
      response.write('half');
      void body.opened.then(() => response.end('half'));
    });
    const draining = drainsServer(server, 50);
    const port = await start(server);
    const underWay = ask(port, get('/under-way'));
    const held = ask(port, get('/held'));
    const silent = ask(port, '');
    await Promise.all([underWay.began, asked.opened]);
    const closed = draining.close();
    const refused = connect(port, '127.0.0.1');
    await once(refused, 'error');
    expect((await held.whole).toString()).toMatch(LEAVING);
    body.open();
    expect((await underWay.whole).toString()).toMatch(/\r\n\r\nhalfhalf$/);
    await silent.whole;
    await closed;
  });

  test('says so on connections it goes on answering', async () => {
    const slow = gate();
    const server = createServer((request, response) => {
      void (request.url === '/slow' ? slow.opened : Promise.resolve()).then(() => {
        response.end('ok');
      });
    });
    const draining = drainsServer(server);
    const port = await start(server);
    const reused = ask(port, get('/slow'));
    await once(server, 'request');
    const closed = draining.close();
    slow.open();
    const answer = (await reused.whole).toString().toLowerCase();
    expect(answer).toContain('connection: close');
    await closed;
  });
});

describe('an edge that is told to stop', () => {
  test.each([
    ['the fast path', ''],
    ['node:http', 'range: bytes=0-\r\n'],
  ])(
    'finishes answers under way, and ends held requests with 503 (by %s)',
    async (_name, headers) => {
      const bytes = patternBytes(1_000_000);
      const rest = gate();
      const isHeld = gate();
      const origin = await startEdgeOrigin((_request, response, path) => {
        if (path.endsWith('/2.m4s')) {
          isHeld.open();
          return;
        }
        response.writeHead(200, { 'content-length': bytes.length });
        response.write(bytes.subarray(0, 1_000));
        void rest.opened.then(() => response.end(bytes.subarray(1_000)));
      });
      const edge = await runEdge(origin.url);
      const port = Number(new URL(edge.url).port);
      const underWay = ask(port, get('/live/main/v720/1.m4s', headers));
      const held = ask(port, get('/live/main/v720/2.m4s', headers));
      const idle = ask(port, '');
      await Promise.all([underWay.began, isHeld.opened, once(idle.socket, 'connect')]);
      const closed = edge.close();
      await idle.whole;
      rest.open();
      const answer = await underWay.whole;
      expect(answer.subarray(answer.indexOf('\r\n\r\n') + 4).equals(bytes)).toBe(true);
      expect((await held.whole).toString()).toMatch(LEAVING);
      await closed;
      await origin.close();
    },
    30_000,
  );
});
