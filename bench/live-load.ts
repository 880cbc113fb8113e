/**
 * Viewers of one edge, in a process of their own: so many connections that all ask for the same and note when each has how
 * much of the answer. Told what to do by its parent, see {@link LoadOrder}.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What the parent says. */
export type LoadOrder =
  /** Opens connections. */
  | { readonly order: 'connect'; readonly port: number; readonly connections: number }
  /** Sends the same request on all of them. @see Progress */
  | { readonly order: 'ask'; readonly target: string; readonly marks: readonly number[] }
  /** Tells all moments. */
  | { readonly order: 'tell' }
  /** Closes all connections. */
  | { readonly order: 'close' };

/** What the parent is told. */
export type LoadReport =
  | { readonly done: 'connected' | 'asked' | 'closed' }
  /** Every connection has the payload up to this mark. */
  | { readonly done: 'reached'; readonly mark: number }
  /** Of each mark, when each connection had it, milliseconds as {@link now}; and connections whose answer has ended. */
  | { readonly done: 'told'; readonly moments: readonly number[][]; readonly ended: number };

/** Milliseconds of the machine's monotonic clock, the same in every process. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** What a browser sends. */
export const requestOf = (target: string, port: number): string =>
  [
    `GET ${target} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: keep-alive',
    'sec-ch-ua-platform: "Linux"',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    'Accept: */*',
    'Origin: https://example.com',
    'Sec-Fetch-Site: cross-site',
    'Sec-Fetch-Mode: cors',
    'Sec-Fetch-Dest: empty',
    'Referer: https://example.com/',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Accept-Language: en-US,en;q=0.9',
    '\r\n',
  ].join('\r\n');

const READ_BYTES = 2 ** 18;
const CR_LF = 2;

/** How far an answer is read (RFC 9112 §6, §7.1). */
class Progress {
  payload = 0;
  hasEnded = false;
  #state: 'head' | 'size' | 'data' = 'head';
  #line = '';
  #left = 0;
  #isChunked = false;

  take(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === 'data') {
        const taken = Math.min(this.#left, bytes.length - at);
        // The two bytes after a chunk are no payload.
        const tail = this.#isChunked ? CR_LF : 0;
        const payload = Math.max(0, Math.min(taken, this.#left - tail));
        this.payload += payload;
        this.#left -= taken;
        at += taken;
        if (this.#left === 0) {
          this.#state = 'size';
          this.hasEnded ||= !this.#isChunked;
        }
        continue;
      }
      const ending = this.#state === 'head' ? '\r\n\r\n' : '\r\n';
      this.#line += bytes.toString('latin1', at, Math.min(bytes.length, at + 2048));
      const end = this.#line.indexOf(ending);
      if (end === -1) {
        return;
      }
      const seen = this.#line.length - Math.min(bytes.length - at, 2048);
      at += end + ending.length - seen;
      const line = this.#line.slice(0, end);
      this.#line = '';
      if (this.#state === 'head') {
        this.#begin(line);
      } else {
        const size = Number.parseInt(line, 16);
        this.hasEnded ||= size === 0;
        this.#left = size + CR_LF;
        this.#state = 'data';
      }
    }
  }

  #begin(head: string): void {
    if (!head.startsWith('HTTP/1.1 200 ')) {
      throw new Error(`not an answer to be counted:\n${head}`);
    }
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    this.#isChunked = length === undefined;
    this.#left = Number(length ?? 0);
    this.#state = this.#isChunked ? 'size' : 'data';
  }
}

interface Viewer {
  readonly socket: Socket;
  progress: Progress;
  next: number;
}

const report = (what: LoadReport): void => {
  process.send?.(what);
};

const viewers: Viewer[] = [];
const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
let marks: readonly number[] = [];
let moments: number[][] = [];
let isClosing = false;

function onRead(viewer: Viewer, bytes: Buffer): void {
  const at = now();
  viewer.progress.take(bytes);
  for (
    let mark = marks[viewer.next];
    mark !== undefined && viewer.progress.payload >= mark;
    mark = marks[viewer.next]
  ) {
    const reached = moments[viewer.next] ?? [];
    reached.push(at);
    if (reached.length === viewers.length) {
      report({ done: 'reached', mark: viewer.next });
    }
    viewer.next += 1;
  }
}

async function open(port: number, connections: number): Promise<void> {
  for (let count = 0; count < connections; count += 1) {
    const socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer,
        callback: (read) => {
          onRead(viewer, buffer.subarray(0, read));
          return true;
        },
      },
    });
    const viewer: Viewer = { socket, progress: new Progress(), next: 0 };
    await once(socket, 'connect');
    socket.once('close', () => {
      if (!isClosing) {
        throw new Error('a viewer lost his connection');
      }
    });
    viewers.push(viewer);
  }
}

async function ask(text: string): Promise<void> {
  moments = marks.map(() => []);
  for (const viewer of viewers) {
    viewer.progress = new Progress();
    viewer.next = 0;
    viewer.socket.write(text);
    // One after the other: a listening queue or a core that is flooded is not the question.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function close(): Promise<void> {
  isClosing = true;
  await Promise.all(
    viewers.map(async ({ socket }) => {
      socket.destroy();
      await once(socket, 'close');
    }),
  );
  viewers.length = 0;
  isClosing = false;
}

let port = 0;

async function obey(order: LoadOrder): Promise<void> {
  switch (order.order) {
    case 'connect':
      port = order.port;
      await open(port, order.connections);
      report({ done: 'connected' });
      return;
    case 'ask':
      marks = order.marks;
      await ask(requestOf(order.target, port));
      report({ done: 'asked' });
      return;
    case 'tell': {
      const ended = viewers.filter(({ progress }) => progress.hasEnded).length;
      report({ done: 'told', moments, ended });
      return;
    }
    case 'close':
      await close();
      report({ done: 'closed' });
  }
}

process.on('message', (order: LoadOrder) => {
  void obey(order);
});
