/** The fast path and node:http must be one server to whoever asks: same bytes, same order, same limits. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer, type Server } from 'node:http';
import { installFastPath, type WireAnswer } from '../../edge/fast-path.ts';
import { Held, MAX_HELD_OF_ADDRESS } from '../../edge/held.ts';
import { ViewerReports } from '../../edge/viewer-reports.ts';
import { CONNECTION_FREE, FREE, Pace } from '../../edge/pace.ts';
import { patternBytes, startEdgeOrigin, type EdgeOrigin } from './edge-origin.ts';
import { runEdge, type RunningEdge } from './edge-run.ts';

const BODY = patternBytes(100_000);
const SEGMENT = '/live/main/v720/897500000.m4s';
const PLAYLIST = '/live/main/v720/897500000.m3u8';
const TEXT = `#EXTM3U\n${'#EXTINF:2,\n897500000.m4s\n'.repeat(90)}`;

let origin: EdgeOrigin;
let edge: RunningEdge;

beforeAll(async () => {
  origin = await startEdgeOrigin((_request, response, path) => {
    if (path === SEGMENT) {
      response.writeHead(200, { 'content-length': BODY.length, etag: '"seg"' }).end(BODY);
    } else if (path.startsWith(PLAYLIST)) {
      const head = { 'content-length': TEXT.length, etag: '"list"', 'cache-control': 'max-age=1' };
      response.writeHead(200, head).end(TEXT);
    } else {
      response.writeHead(404).end();
    }
  });
  edge = await runEdge(origin.url);
});

afterAll(async () => {
  await edge.close();
  await origin.close();
});

/** One connection on which requests are sent and answers read, one after the other. */
function open(url = edge.url): {
  readonly socket: Socket;
  readonly ask: (text: string) => Promise<{ readonly head: string; readonly body: Buffer }>;
} {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let received = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    socket.emit('more');
  });
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) {
      await once(socket, 'more');
    }
  };
  return {
    socket,
    ask: async (text) => {
      socket.write(text);
      await until(() => received.includes('\r\n\r\n'));
      const headEnd = received.indexOf('\r\n\r\n') + 4;
      const head = received.subarray(0, headEnd).toString('latin1');
      const isBodiless = text.startsWith('HEAD') || head.startsWith('HTTP/1.1 304');
      const length = isBodiless ? 0 : Number(/content-length: ([0-9]+)/i.exec(head)?.[1] ?? 0);
      await until(() => received.length >= headEnd + length);
      const body = Buffer.from(received.subarray(headEnd, headEnd + length));
      received = received.subarray(headEnd + length);
      return { head, body };
    },
  };
}

const get = (path: string, headers = ''): string =>
  `GET ${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`;
const withoutDate = (head: string): string[] =>
  head
    .toLowerCase()
    .split('\r\n')
    .filter((line) => !line.startsWith('date:'))
    .toSorted();

describe('one connection', () => {
  test('gets the same head and bytes by the fast path as by node:http', async () => {
    const { ask, socket } = open();
    await ask(get(SEGMENT));
    const fast = await ask(get(SEGMENT));
    // A comment in no specification, but a header that only node:http takes.
    const slow = await ask(get(SEGMENT, 'if-modified-since: x\r\n'));
    const after = await ask(get(SEGMENT));
    socket.destroy();
    expect(withoutDate(fast.head)).toEqual(withoutDate(slow.head));
    expect([fast, slow, after].map(({ body }) => body.equals(BODY))).toEqual([true, true, true]);
  });

  test('is answered 304, packed, 404, ranges, HEAD and POST in any order', async () => {
    const { ask, socket } = open();
    const gzip = 'accept-encoding: gzip\r\n';
    await ask(get(PLAYLIST, gzip));
    expect((await ask(get(PLAYLIST, 'if-none-match: W/"list"\r\n'))).head).toMatch(
      /^HTTP\/1\.1 304 /,
    );
    expect((await ask(get(PLAYLIST))).body.toString()).toBe(TEXT);
    expect((await ask(get('/live/main/v720/1.m4s'))).head).toMatch(/^HTTP\/1\.1 404 /);
    expect((await ask(get(SEGMENT, 'range: bytes=0-9\r\n'))).body.length).toBe(10);
    expect((await ask(`HEAD ${SEGMENT} HTTP/1.1\r\nhost: x\r\n\r\n`)).head).toContain('100000');
    expect((await ask(get('/time'))).body.toString()).toMatch(/Z$/);
    socket.destroy();
  });

  test('may send its request in pieces, or two at once', async () => {
    const pieces = open();
    pieces.socket.write(`GET ${SEGMENT} HT`);
    expect((await pieces.ask('TP/1.1\r\nhost: x\r\n\r\n')).body.equals(BODY)).toBe(true);
    const two = open();
    const first = await two.ask(get(SEGMENT) + get(PLAYLIST));
    expect(first.body.equals(BODY)).toBe(true);
    expect((await two.ask('')).body.toString()).toBe(TEXT);
    pieces.socket.destroy();
    two.socket.destroy();
  });

  test('cannot hide headers in a query: node:http has the last word on such a line', async () => {
    const { socket, ask } = open();
    const hidden = 'Transfer-Encoding: chunked\r\nY: HTTP/1.1\r\nHost: a\r\n\r\n';
    const { head } = await ask(`GET ${SEGMENT}?x\r\n${hidden}`);
    // A line without a version is HTTP/0.9 to it, and the connection's last.
    expect(head).toMatch(/^connection: close\r$/im);
    socket.destroy();
  });

  test('cannot smuggle a request behind a plain one', async () => {
    const before = origin.asked.length;
    const { ask, socket } = open();
    const closed = once(socket, 'close');
    const { head } = await ask(get(SEGMENT, 'content-length: 3\r\ntransfer-encoding: chunked\r\n'));
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    await closed;
    expect(origin.asked.length).toBe(before);
  });
});

test('a query makes no object of its own, but for the directives that a playlist is reloaded by, in one form', async () => {
  const before = origin.asked.length;
  const { ask, socket } = open();
  const path = '/live/main/v480/897500000.m3u8';
  const waiting = `${path}?_HLS_msn=897500001&_HLS_part=3&_HLS_skip=YES`;
  await ask(get(`${path}?session=1&token=secret`));
  for (let session = 0; session < 20; session += 1) {
    await ask(get(`${path}?_HLS_part=3&session=${session}&_HLS_skip=YES&_HLS_msn=897500001`));
    await ask(get(`${path}?_HLS_skip=v2&_HLS_msn=897500001&_HLS_part=3&session=${session}`));
    await ask(get(`${path.replace('.m3u8', '.m4s')}?_HLS_msn=${session}`));
    const { head } = await ask(get(`${path}?_HLS_part=${session}&session=${session}`));
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
  }
  socket.destroy();
  expect(origin.asked.slice(before)).toEqual([path, waiting, path.replace('.m3u8', '.m4s')]);
});

describe('who asks for the same over and over', () => {
  let pausing: RunningEdge;
  beforeAll(async () => {
    pausing = await runEdge(origin.url, { env: { REPEAT_PAUSE_MS: '1000' } });
  });
  afterAll(async () => {
    await pausing.close();
  });
  /** Whether the answer comes only after a pause: what is asked a moment later on another connection overtakes it. */
  const waits = async (request: string): Promise<boolean> => {
    const repeated = open(pausing.url);
    const other = open(pausing.url);
    let isAnswered = false;
    const answered = repeated.ask(request).then(() => {
      isAnswered = true;
    });
    for (let i = 0; i < 20 && !isAnswered; i += 1) {
      await other.ask(get(PLAYLIST, `x-another: ${i}\r\n`));
    }
    const hasWaited = !isAnswered;
    await answered;
    repeated.socket.destroy();
    other.socket.destroy();
    return hasWaited;
  };

  /** Whether one of the next answers does: while what is free was asked for, a slow machine earned some more. */
  const comesToWait = async (request: string): Promise<boolean> => {
    for (let i = 0; i < FREE; i += 1) {
      if (await waits(request)) {
        return true;
      }
    }
    return false;
  };

  test('waits for each answer, on one connection or on many, and others behind his address do not', async () => {
    const { ask, socket } = open(pausing.url);
    for (let i = 0; i < FREE / 2; i += 1) {
      const { head } = await ask(get(SEGMENT));
      expect(head).toMatch(/^HTTP\/1\.1 200 /);
    }
    socket.destroy();
    for (let i = 0; i < FREE / 2; i += 1) {
      const again = open(pausing.url);
      await again.ask(get(SEGMENT));
      again.socket.destroy();
    }
    expect(await comesToWait(get(SEGMENT))).toBe(true);
    expect(await waits(get(SEGMENT, 'user-agent: another\r\n'))).toBe(false);
    expect(await waits(get(PLAYLIST))).toBe(false);
  });

  test.each([
    ['ranges', get(SEGMENT, 'range: bytes=0-99\r\n'), 206],
    ['the clock', get('/time', 'user-agent: b\r\n'), 200],
    ['nothing', get('/nothing', 'user-agent: c\r\n'), 404],
    ['health', get('/healthz', 'user-agent: d\r\n'), 200],
  ])('waits with %s, too', async (_what, request, status) => {
    const { ask, socket } = open(pausing.url);
    for (let i = 0; i < FREE; i += 1) {
      expect((await ask(request)).head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    }
    socket.destroy();
    expect(await comesToWait(request)).toBe(true);
  });
});

test('who goes round ever so many targets waits once his answers are spent, and others do not', async () => {
  const server = createServer();
  const answered = new Set<string>();
  const answer = (target: string): WireAnswer => {
    answered.add(target);
    return { head: Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'), body: undefined };
  };
  // Time stands still: nothing is earned.
  const fastPath = installFastPath(server, {
    answer,
    times: TIMES,
    pace: new Pace(60_000, () => 0),
    held: new Held(),
    reports: new ViewerReports(Date.now),
    drainMs: 0,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const circling = open(url);
  for (let n = 0; n < CONNECTION_FREE; n += 1) {
    await circling.ask(get(`/${n}`));
  }
  circling.socket.write(get('/held'));
  const other = open(url);
  for (let n = 0; n < CONNECTION_FREE; n += 1) {
    await other.ask(get(`/other/${n}`));
  }
  expect(answered.has('/held')).toBe(false);
  expect(answered.size).toBe(2 * CONNECTION_FREE);
  circling.socket.destroy();
  other.socket.destroy();
  server.close();
  await fastPath.close();
});

test('who finds every place to wait in taken is told so, keeps his connection, and what is there is still his', async () => {
  const server = createServer();
  const ok: WireAnswer = {
    head: Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'),
    body: undefined,
  };
  const held = new Held();
  const places = Array.from({ length: MAX_HELD_OF_ADDRESS }, () => held.enter('127.0.0.1'));
  const fastPath = installFastPath(server, {
    answer: (target) => (target === '/held' ? Promise.resolve(ok) : ok),
    times: TIMES,
    pace: new Pace(0),
    held,
    reports: new ViewerReports(Date.now),
    drainMs: 0,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { ask, socket } = open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  for (let count = 0; count < 10; count += 1) {
    const { head } = await ask(get('/held'));
    expect(head).toMatch(/^HTTP\/1\.1 503 (?:.*\r\n)*retry-after: 1\r\n/);
  }
  expect((await ask(get('/there'))).head).toMatch(/^HTTP\/1\.1 200 /);
  expect(held.refused).toBe(10);
  places[0]?.();
  expect((await ask(get('/held'))).head).toMatch(/^HTTP\/1\.1 200 /);
  expect(held.count).toBe(MAX_HELD_OF_ADDRESS - 1);
  socket.destroy();
  server.close();
  await fastPath.close();
});

const TIMES = { firstMs: 60_000, idleMs: 60_000, stallMs: 60_000 };

describe('who is slow', () => {
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });
  const start = async (
    answer: (target: string) => WireAnswer | undefined,
    times: { readonly firstMs: number; readonly idleMs: number; readonly stallMs: number },
  ): Promise<{ readonly url: string; readonly accepted: () => Socket | undefined }> => {
    const server = createServer({ connectionsCheckingInterval: 20, headersTimeout: 100 });
    let accepted: Socket | undefined;
    server.on('request', (_request, response) => response.end('by node:http'));
    installFastPath(server, {
      answer,
      times,
      pace: new Pace(0),
      held: new Held(),
      reports: new ViewerReports(Date.now),
    });
    server.on('connection', (socket) => {
      accepted = socket;
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      accepted: () => accepted,
    };
  };

  test('in sending a first request, or the next one, or its headers: is not waited for', async () => {
    const times = { firstMs: 50, idleMs: 50, stallMs: 10_000 };
    const head = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    const { url } = await start(() => ({ head, body: undefined }), times);
    const silent = open(url);
    const later = open(url);
    const dripping = open(url);
    const ended = Promise.all([silent, later, dripping].map(({ socket }) => once(socket, 'close')));
    await later.ask(get('/x'));
    dripping.socket.write('GET /x HTTP/1.1\r\nhos');
    await ended;
  });

  test('in reading: asks on without being heard, holds a bounded number of bytes, and is cut off', async () => {
    // More than the buffers of two sockets in the kernel.
    const size = 32 * 1024 * 1024;
    const body = Buffer.alloc(size);
    let asked = 0;
    const answer = (): WireAnswer => {
      asked += 1;
      const head = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
      return { head, body };
    };
    const { url, accepted } = await start(answer, {
      firstMs: 60_000,
      idleMs: 60_000,
      stallMs: 300,
    });
    const viewer = connect(Number(new URL(url).port), '127.0.0.1');
    viewer.on('error', () => undefined);
    viewer.pause();
    viewer.write(get('/x'));
    await once(viewer, 'connect');
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, accepted()?.writableLength ?? 0);
    }, 10);
    while (asked === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Ten times what one answer holds, if each were heard.
    for (let more = 0; more < 10; more += 1) {
      viewer.write(get('/x'));
    }
    const socket = accepted();
    if (socket !== undefined && !socket.destroyed) {
      await once(socket, 'close');
    }
    clearInterval(timer);
    viewer.destroy();
    expect(asked).toBe(1);
    expect(most).toBeLessThanOrEqual(size + 1024);
  });
});
