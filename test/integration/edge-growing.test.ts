/** Segments that grow while they are read: everyone has each fragment as it comes, and nobody a body that only looks whole. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import {
  Agent,
  request as send,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import { connect } from 'node:net';
import { eventually } from '../helpers/poll.ts';
import { patternBytes, startEdgeOrigin, type EdgeOrigin } from './edge-origin.ts';
import { startEdgeInProcess } from './edge-in-process.ts';
import { runEdge } from './edge-run.ts';

const PATH = '/live/main/v720/897500000.m4s';
const ETAG = '"main-v720-897500000"';
const FRAGMENT = 20_000;
const FRAGMENTS = 6;
const BODY = patternBytes(FRAGMENT * FRAGMENTS);
const fragment = (k: number): Buffer => BODY.subarray(k * FRAGMENT, (k + 1) * FRAGMENT);

const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) {
    await close();
  }
});

/** What an upstream is asked, and its answers, for a test to write. */
interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** An origin whose answers a test writes, one after the other. */
async function startOrigin(): Promise<{
  readonly origin: EdgeOrigin;
  readonly next: () => Promise<Asked>;
}> {
  const waiting: Asked[] = [];
  let wake = (): void => undefined;
  const origin = await startEdgeOrigin((request, response) => {
    waiting.push({ request, response });
    wake();
  });
  closing.push(origin.close);
  return {
    origin,
    next: async () => {
      for (;;) {
        const asked = waiting.shift();
        if (asked !== undefined) {
          return asked;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

async function startEdge(upstream: string): Promise<string> {
  const edge = await runEdge(upstream, { env: { REPEAT_PAUSE_MS: '0' } });
  closing.push(edge.close);
  return edge.url;
}

/** A viewer who reads as it comes. */
class Reader {
  readonly response: IncomingMessage;
  readonly #chunks: Buffer[] = [];
  #received = 0;
  #isWhole: boolean | undefined;

  constructor(response: IncomingMessage) {
    this.response = response;
    response.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#received += chunk.length;
      response.emit('more');
    });
    response.on('error', () => undefined);
    response.once('close', () => {
      this.#isWhole = response.complete;
      response.emit('more');
    });
  }

  /** Resolves when so many have come, or no more will. */
  async has(bytes: number): Promise<void> {
    while (this.#received < bytes && this.#isWhole === undefined) {
      await new Promise((resolve) => {
        this.response.once('more', resolve);
      });
    }
  }

  /** All that have come by then. */
  async until(bytes: number): Promise<Buffer> {
    await this.has(bytes);
    return Buffer.concat(this.#chunks);
  }

  /** All of a body, and whether its end was told. */
  async all(): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean }> {
    const bytes = await this.until(Number.POSITIVE_INFINITY);
    return { bytes, isWhole: this.#isWhole === true };
  }
}

async function open(url: string, options: RequestOptions = {}): Promise<Reader> {
  const request = send(url + PATH, { agent, ...options });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return new Reader(response);
}

/** Viewers who all wait for the first fragment, and the one request of theirs that reaches the upstream. */
async function openAll(
  url: string,
  next: () => Promise<Asked>,
  count: number,
): Promise<{ readonly readers: readonly Reader[]; readonly asked: Asked }> {
  const opening = Promise.all(Array.from({ length: count }, () => open(url)));
  const asked = await next();
  asked.response.writeHead(200, { etag: ETAG }).write(fragment(0));
  return { readers: await opening, asked };
}

const metricOf = async (url: string, pattern: RegExp): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(pattern.exec(text)?.[1] ?? 0);
};
const heldOf = (url: string): Promise<number> =>
  metricOf(url, /^edge_held_requests(?:\{.*\})? ([0-9]+)$/m);

describe('readers of a growing segment', () => {
  test('have each fragment before the next one is made, the late one too, by one upstream request', async () => {
    const { origin, next } = await startOrigin();
    const url = await startEdge(origin.url);
    const { readers, asked } = await openAll(url, next, 100);
    let all = [...readers];
    for (let k = 0; k < FRAGMENTS; k += 1) {
      if (k > 0) {
        asked.response.write(fragment(k));
      }
      const have = await Promise.all(all.map((reader) => reader.until((k + 1) * FRAGMENT)));
      expect(have.every((bytes) => bytes.equals(BODY.subarray(0, (k + 1) * FRAGMENT)))).toBe(true);
      // What is there already reaches who comes now, although nothing new is made.
      all = [...all, await open(url)];
      await all.at(-1)?.until((k + 1) * FRAGMENT);
    }
    asked.response.end();
    const told = await Promise.all(all.map((reader) => reader.all()));
    expect(told.every(({ bytes, isWhole }) => isWhole && bytes.equals(BODY))).toBe(true);
    const cached = await (await open(url)).all();
    expect([cached.isWhole, cached.bytes.equals(BODY)]).toEqual([true, true]);
    expect(origin.asked).toEqual([PATH]);
  });

  test('see no end when the upstream breaks off and is away', async () => {
    const { origin, next } = await startOrigin();
    const url = await startEdge(origin.url);
    const { readers, asked } = await openAll(url, next, 20);
    const old = await open(url, { agent: false, headers: { connection: 'close' } });
    asked.response.destroy();
    // Whoever answers now has something else under this name.
    (await next()).response.writeHead(200, { etag: ETAG }).end(patternBytes(BODY.length, 9));
    const told = await Promise.all([...readers, old].map((reader) => reader.all()));
    expect(told.map(({ isWhole }) => isWhole)).not.toContain(true);
    expect(told.every(({ bytes }) => bytes.equals(fragment(0)))).toBe(true);
  });

  test('over HTTP/1.0 see a reset, for the end of the connection would be the end of the body', async () => {
    const { origin, next } = await startOrigin();
    const url = await startEdge(origin.url);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(`GET ${PATH} HTTP/1.0\r\nhost: x\r\n\r\n`);
    const { response } = await next();
    response.writeHead(200).write(fragment(0));
    await once(socket, 'data');
    socket.resume();
    const failed = once(socket, 'error');
    response.destroy();
    const [error] = (await failed) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });
});

describe('an upstream that breaks off in mid-segment', () => {
  const isWholeFor = async (readers: readonly Reader[]): Promise<boolean> => {
    const told = await Promise.all(readers.map((reader) => reader.all()));
    return told.every(({ bytes, isWhole }) => isWhole && bytes.equals(BODY));
  };

  test('is asked for the rest, and viewers notice nothing', async () => {
    const { origin, next } = await startOrigin();
    const url = await startEdge(origin.url);
    const { readers, asked } = await openAll(url, next, 20);
    await readers[0]?.until(FRAGMENT);
    asked.response.destroy();
    const { request, response } = await next();
    expect([request.headers.range, request.headers['if-range']]).toEqual([
      `bytes=${FRAGMENT}-`,
      ETAG,
    ]);
    const joined = await open(url);
    response.writeHead(206, {
      etag: ETAG,
      'content-range': `bytes ${FRAGMENT}-${BODY.length - 1}/${BODY.length}`,
      'content-length': BODY.length - FRAGMENT,
    });
    response.end(BODY.subarray(FRAGMENT));
    expect(await isWholeFor([...readers, joined])).toBe(true);
    expect(await isWholeFor([await open(url)])).toBe(true);
    expect(origin.asked).toEqual([PATH, PATH]);
  });

  test('may begin anew with a segment that still grows, and break off again', async () => {
    const { origin, next } = await startOrigin();
    const url = await startEdge(origin.url);
    const { readers, asked } = await openAll(url, next, 20);
    let { response } = asked;
    for (let k = 1; k < FRAGMENTS; k += 1) {
      await readers[0]?.until(k * FRAGMENT);
      response.destroy();
      ({ response } = await next());
      response.writeHead(200, { etag: ETAG });
      response.write(BODY.subarray(0, k * FRAGMENT));
      response.write(fragment(k));
    }
    response.end();
    expect(await isWholeFor(readers)).toBe(true);
  });

  test('and is back only after a while, or had but its last word to say', async () => {
    const { origin, next } = await startOrigin();
    const url = await startEdge(origin.url);
    const { readers, asked } = await openAll(url, next, 5);
    asked.response.write(BODY.subarray(FRAGMENT));
    await readers[0]?.until(BODY.length);
    asked.response.destroy();
    (await next()).response.destroy();
    // The edge's second try on a connection that may have been stale.
    (await next()).response.writeHead(503, { 'retry-after': '1' }).end();
    (await next()).response.writeHead(404).end();
    const { response } = await next();
    response.writeHead(416, { 'content-range': `bytes */${BODY.length}` }).end();
    expect(await isWholeFor(readers)).toBe(true);
  });

  test('is not gone on with when it has no tag, for it may be another object', async () => {
    const { origin, next } = await startOrigin();
    const url = await startEdge(origin.url);
    const opening = open(url);
    const { response } = await next();
    response.writeHead(200).write(fragment(0));
    const reader = await opening;
    response.destroy();
    expect((await reader.all()).isWhole).toBe(false);
    expect(origin.asked).toEqual([PATH]);
  });

  test('is replaced by the next one, in the middle as at the beginning', async () => {
    const first = await startOrigin();
    const second = await startOrigin();
    const url = await startEdge(`${first.origin.url},${second.origin.url}`);
    const { readers } = await openAll(url, first.next, 20);
    closing.splice(closing.indexOf(first.origin.close), 1);
    await first.origin.close();
    const { request, response } = await second.next();
    expect(request.headers.range).toBe(`bytes=${FRAGMENT}-`);
    response.writeHead(200, { etag: ETAG }).end(BODY);
    expect(await isWholeFor(readers)).toBe(true);
    const opening = open(url, { path: PATH.replace('0.m4s', '1.m4s') });
    (await second.next()).response.writeHead(200, { etag: '"next"' }).end(BODY);
    expect(await isWholeFor([await opening])).toBe(true);
  });
});

describe('one connection', () => {
  test('is answered in order when it asks on while a segment grows, and may ask on after it', async () => {
    const { origin, next } = await startOrigin();
    const url = await startEdge(origin.url);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      socket.emit('more');
    });
    const until = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(text)) {
        await once(socket, 'more');
      }
    };
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
    const nextPath = PATH.replace('0.m4s', '1.m4s');
    socket.write(get(PATH));
    const first = await next();
    first.response.writeHead(200).write('first ');
    await until(/first /);
    socket.write(get(nextPath) + get('/time'));
    first.response.end('and last');
    const second = await next();
    second.response.writeHead(200).end('second');
    await until(/T[0-9:.]+Z$/);
    const bodies = text.replaceAll(/HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)*\r\n/g, '|');
    expect(bodies).toMatch(
      /^\|6\r\nfirst \r\n8\r\nand last\r\n0\r\n\r\n\|(?:6\r\nsecond\r\n0\r\n\r\n|second)\|[0-9T:.-]+Z$/,
    );
    expect(origin.asked).toEqual([PATH, nextPath]);
    socket.destroy();
  });

  test('has the head of what grows by HEAD, the part of it that is there by a range, and the whole by any other', async () => {
    const { origin, next } = await startOrigin();
    const url = await startEdge(origin.url);
    const { readers, asked } = await openAll(url, next, 1);
    await readers[0]?.until(FRAGMENT);
    const head = await open(url, { method: 'HEAD' });
    expect([head.response.statusCode, head.response.headers['content-length']]).toEqual([
      200,
      undefined,
    ]);
    const here = await open(url, { headers: { range: 'bytes=100-299' } });
    expect(here.response.statusCode).toBe(206);
    expect(here.response.headers['content-range']).toBe('bytes 100-299/*');
    expect((await here.all()).bytes.equals(BODY.subarray(100, 300))).toBe(true);
    const ranges = [
      'bytes=100-',
      'bytes=-100',
      `bytes=0-${FRAGMENT}`,
      'bytes=300-299',
      'lines=1-2',
    ];
    const others = await Promise.all(ranges.map((range) => open(url, { headers: { range } })));
    expect(others.map(({ response }) => response.statusCode)).toEqual(ranges.map(() => 200));
    asked.response.end(BODY.subarray(FRAGMENT));
    const told = await Promise.all(others.map((reader) => reader.all()));
    expect(told.every(({ bytes, isWhole }) => isWhole && bytes.equals(BODY))).toBe(true);
    const known = await open(url, { headers: { 'if-none-match': ETAG } });
    expect(known.response.statusCode).toBe(304);
    expect(origin.asked).toEqual([PATH]);
  });
});

test('who leaves gives his place back at once, and others have what he waited for', async () => {
  const { origin, next } = await startOrigin();
  const url = await startEdge(origin.url);
  const sockets = Array.from({ length: 50 }, () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(`GET ${PATH} HTTP/1.1\r\nhost: x\r\n\r\n`);
    return socket;
  });
  const staying = open(url);
  await eventually('all to wait', async () => ((await heldOf(url)) === 51 ? true : undefined));
  for (const socket of sockets) {
    socket.destroy();
  }
  await eventually('all but one to be gone', async () =>
    (await heldOf(url)) === 1 ? true : undefined,
  );
  (await next()).response.writeHead(200, { etag: ETAG }).end(BODY);
  expect((await (await staying).all()).bytes.equals(BODY)).toBe(true);
  expect(await heldOf(url)).toBe(0);
  expect(origin.asked).toEqual([PATH]);
});

test('a reader who takes nothing is dropped with little waiting in his socket, and the others read on', async () => {
  const { origin, next } = await startOrigin();
  const edge = await startEdgeInProcess(origin.url, 1_000);
  closing.push(() => edge.close());
  const { port, accepted } = edge;
  const slow = connect(port, '127.0.0.1').pause();
  slow.on('error', () => undefined);
  slow.write(`GET ${PATH} HTTP/1.1\r\nhost: x\r\n\r\n`);
  const { response } = await next();
  const readers = Promise.all(Array.from({ length: 5 }, () => open(`http://127.0.0.1:${port}`)));
  response.writeHead(200, { etag: ETAG });
  // More than a kernel takes for who does not read.
  const part = patternBytes(512 * 1024);
  let most = 0;
  response.write(part);
  const all = await readers;
  const served = accepted[0];
  let written = part.length;
  const feed = async (bytes: Buffer): Promise<void> => {
    response.write(bytes);
    written += bytes.length;
    await Promise.all(all.map((reader) => reader.has(written)));
  };
  for (let k = 2; k <= 48; k += 1) {
    await feed(part);
    most = Math.max(most, served?.writableLength ?? 0);
  }
  // Those who read have more all the while, for a connection without any progress ends, too.
  while (served?.destroyed === false) {
    await feed(Buffer.alloc(1));
  }
  expect(served?.destroyed).toBe(true);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThan(2 * part.length);
  response.end();
  const told = await Promise.all(all.map((reader) => reader.all()));
  expect(told.map(({ isWhole }) => isWhole)).toEqual(all.map(() => true));
});
