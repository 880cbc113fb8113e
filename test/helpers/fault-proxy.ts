/**
 * An HTTP proxy that misbehaves as it is told, in front of a server that does not. What it lets through reaches the
 * server unchanged, the Host header included, so that signatures stay right. Chance is seeded.
 */
import { EventEmitter, once } from 'node:events';
import {
  createServer,
  request as forward,
  Agent,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { seeded } from './seeded.ts';

/** What it does to requests, from now on. */
export interface Faults {
  /** Share of requests answered 503 without asking the server. */
  readonly refused?: number;
  /** Milliseconds that a request waits before it is passed on. */
  readonly slowMs?: number;
  /** Requests are taken and nothing happens until faults change; then they go on. */
  readonly isHanging?: boolean;
  /** The same, for so many requests only. */
  readonly hangNext?: number;
  /** Share of answers whose connection is cut in the middle of the body. */
  readonly cutAnswers?: number;
  /** Share of requests whose connection is cut in the middle of their body; the server sees only half. */
  readonly cutRequests?: number;
  /** Share of answers that the server gave and nobody hears: the connection is cut before them. */
  readonly lostAnswers?: number;
}

/** What it has done. */
export interface FaultCounts {
  requests: number;
  refused: number;
  hung: number;
  cut: number;
}

/** A running proxy. */
export interface FaultProxy {
  readonly url: string;
  readonly counts: Readonly<FaultCounts>;
  set: (faults: Faults) => void;
  close: () => Promise<void>;
}

const UNAVAILABLE =
  '<?xml version="1.0" encoding="UTF-8"?><Error><Code>ServiceUnavailable</Code><Message>busy</Message></Error>';

/** Starts a proxy without faults on a free port. */
export async function startFaultProxy(target: string, seed: number): Promise<FaultProxy> {
  const random = seeded(seed);
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  const counts: FaultCounts = { requests: 0, refused: 0, hung: 0, cut: 0 };
  let faults: Faults = {};
  /** Requests since the faults were set. */
  let arrived = 0;
  const changes = new EventEmitter().setMaxListeners(0);

  const happens = (share: number | undefined): boolean => random() < (share ?? 0);

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    counts.requests += 1;
    // Drawn for every request, so that one kind of fault does not shift the chance of another.
    const isRefused = happens(faults.refused);
    const isRequestCut = happens(faults.cutRequests);
    const isAnswerCut = happens(faults.cutAnswers);
    const isAnswerLost = happens(faults.lostAnswers);
    arrived += 1;
    if (faults.isHanging === true || arrived <= (faults.hangNext ?? 0)) {
      counts.hung += 1;
      do {
        await once(changes, 'change');
      } while (faults.isHanging === true);
    }
    if (isRefused) {
      counts.refused += 1;
      request.resume();
      const headers = { 'content-type': 'application/xml', 'content-length': UNAVAILABLE.length };
      response.writeHead(503, headers).end(request.method === 'HEAD' ? '' : UNAVAILABLE);
      return;
    }
    await delay(faults.slowMs ?? 0);
    if (request.destroyed && !request.complete) {
      return;
    }
    const { expect: _answered, ...headers } = request.headers;
    const { method, url } = request;
    const onward = forward({ hostname, port, method, path: url, headers, agent });
    onward.on('error', () => {
      response.destroy();
    });
    if (isRequestCut) {
      counts.cut += 1;
      await passHalf(request, onward);
      request.destroy();
      return;
    }
    request.pipe(onward);
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    if (isAnswerLost) {
      counts.cut += 1;
      onward.destroy();
      response.destroy();
      return;
    }
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    if (isAnswerCut && Number(answer.headers['content-length']) > 1) {
      counts.cut += 1;
      await passHalf(answer, response);
      response.destroy();
      return;
    }
    answer.pipe(response);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    set: (next) => {
      faults = next;
      arrived = 0;
      changes.emit('change');
    },
    close: async () => {
      faults = {};
      changes.emit('change');
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await once(server, 'close');
    },
  };
}

/** Passes on the first half of what a message says it has, then ends the way to the other side. */
async function passHalf(
  from: IncomingMessage,
  to: ServerResponse | ReturnType<typeof forward>,
): Promise<void> {
  let left = Math.floor(Number(from.headers['content-length'] ?? 0) / 2);
  for await (const chunk of from) {
    const part = (chunk as Buffer).subarray(0, left);
    left -= part.byteLength;
    await new Promise((resolve) => to.write(part, resolve));
    if (left === 0) {
      break;
    }
  }
  to.destroy();
}
