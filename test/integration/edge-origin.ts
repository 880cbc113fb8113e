/** An upstream at the test's word: counts what it is asked, answers when and how it is told. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a test can do with it. */
export interface EdgeOrigin {
  readonly url: string;
  /** Paths asked for, in order, health left out. */
  readonly asked: readonly string[];
  readonly close: () => Promise<void>;
}

/** Answers one request. */
export type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
) => void | Promise<void>;

/** Starts it on a free port. */
export async function startEdgeOrigin(answer: Answer): Promise<EdgeOrigin> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path === '/healthz') {
      response.end('ok');
      return;
    }
    asked.push(path);
    void answer(request, response, path);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Bytes that differ at every place, so that a misplaced one shows. */
export function patternBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i += 1) {
    bytes[i] = (i * 31 + (i >> 8) * 17 + seed) & 0xff;
  }
  return bytes;
}

/** A promise and the way to settle it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
