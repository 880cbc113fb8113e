/** The edge as HTTP clients see it: ranges, conditions, methods, abuse, and those who do not read. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { patternBytes, startEdgeOrigin, type EdgeOrigin } from './edge-origin.ts';
import { startEdgeInProcess } from './edge-in-process.ts';
import { runEdge, type RunningEdge } from './edge-run.ts';

const BODY = patternBytes(100_000);
const SEGMENT = '/live/main/v720/897500000.m4s';
const PLAYLIST = '/live/main/v720/897500000.m3u8';
const TEXT = `#EXTM3U\n${'#EXTINF:2,\n897500000.m4s\n'.repeat(900)}`;

let origin: EdgeOrigin;
let edge: RunningEdge;

beforeAll(async () => {
  origin = await startEdgeOrigin((_request, response, path) => {
    if (path === SEGMENT) {
      response.writeHead(200, {
        'content-length': BODY.length,
        etag: '"seg"',
        'content-type': 'text/html',
        'set-cookie': 'secret=1',
      });
      response.end(BODY);
    } else if (path === PLAYLIST) {
      response.writeHead(200, { etag: '"list"', 'cache-control': 'max-age=1' }).end(TEXT);
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

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(edge.url + path, init);
const bytesOf = async (response: Response): Promise<Buffer> =>
  Buffer.from(await response.arrayBuffer());

/** Sends bytes as they are and returns everything that comes back until the edge closes. */
async function raw(text: string): Promise<string> {
  const socket = connect(Number(new URL(edge.url).port), '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => undefined);
  socket.write(text);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

describe('media', () => {
  test('comes whole, with our type, open to all pages, and nothing else of the upstream', async () => {
    const response = await ask(SEGMENT);
    expect(response.status).toBe(200);
    expect((await bytesOf(response)).equals(BODY)).toBe(true);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': '100000',
      'cache-control': 'public, max-age=31536000, immutable',
      etag: '"seg"',
      'accept-ranges': 'bytes',
      'access-control-allow-origin': '*',
      'timing-allow-origin': '*',
      'x-content-type-options': 'nosniff',
    });
    expect(response.headers.get('set-cookie')).toBeNull();
  });

  test('comes in ranges', async () => {
    const response = await ask(SEGMENT, { headers: { range: 'bytes=1000-1999' } });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe('bytes 1000-1999/100000');
    expect((await bytesOf(response)).equals(BODY.subarray(1000, 2000))).toBe(true);
    const tail = await ask(SEGMENT, { headers: { range: 'bytes=-10' } });
    expect((await bytesOf(tail)).equals(BODY.subarray(-10))).toBe(true);
  });

  test('answers 416 with the length beyond the end', async () => {
    const response = await ask(SEGMENT, { headers: { range: 'bytes=100000-' } });
    expect([response.status, response.headers.get('content-range')]).toEqual([
      416,
      'bytes */100000',
    ]);
  });

  test('ignores a range made for another version', async () => {
    const headers = { range: 'bytes=0-9', 'if-range': '"other"' };
    expect((await ask(SEGMENT, { headers })).status).toBe(200);
    const same = { range: 'bytes=0-9', 'if-range': '"seg"' };
    expect((await ask(SEGMENT, { headers: same })).status).toBe(206);
  });

  test('HEAD tells the same without a body', async () => {
    const response = await ask(SEGMENT, { method: 'HEAD' });
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '100000']);
    expect((await bytesOf(response)).length).toBe(0);
  });

  test('is not sent again to those who have it', async () => {
    const response = await ask(SEGMENT, { headers: { 'if-none-match': 'W/"seg", "x"' } });
    expect([response.status, (await bytesOf(response)).length]).toEqual([304, 0]);
  });

  test('playlists are packed once, twentyfold smaller, under a weak tag', async () => {
    await bytesOf(await ask(PLAYLIST));
    let packed = await raw(
      `GET ${PLAYLIST} HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n`,
    );
    // Packing happens beside the first answers.
    for (let i = 0; i < 50 && !packed.includes('content-encoding'); i += 1) {
      packed = await raw(
        `GET ${PLAYLIST} HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n`,
      );
    }
    const [head = '', body = ''] = packed.split('\r\n\r\n', 2);
    expect(head).toContain('content-encoding: gzip');
    expect(head).toContain('etag: W/"list"');
    expect(body.length).toBeLessThan(TEXT.length / 20);
    expect(gunzipSync(Buffer.from(body, 'latin1')).toString()).toBe(TEXT);
  });

  test('a preflight is answered for any media', async () => {
    const response = await ask(SEGMENT, { method: 'OPTIONS' });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, HEAD, OPTIONS');
  });
});

describe('abuse', () => {
  test.each(['POST', 'PUT', 'DELETE'])('%s is not a method here', async (method) => {
    const response = await ask(SEGMENT, { method, body: 'x' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });

  test.each([
    '/live/../../etc/passwd',
    '/live/main/..%2f..%2fetc/passwd',
    '/assets/../manifest.json',
    '/assets/..%5c..%5cmain.ts',
    '/live/main/v720/%38.m4s',
    '/live/main%2fv720/897500000.m4s',
    '/live/main/%252e%252e/secret',
    '/live/main/v720/897500000.m4s%00.html',
    '/live//main/index.m3u8',
    '/live/main/v720/897500000.m4s/',
    '/live/MAIN/index.m3u8',
    '//evil.example/live/main/index.m3u8',
  ])('%s is not found and not asked of the upstream', async (path) => {
    const before = origin.asked.length;
    const answer = await raw(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(origin.asked.length).toBe(before);
  });

  test('an absolute address does not choose the upstream', async () => {
    const before = origin.asked.length;
    const answer = await raw(
      'GET http://evil.example/live/main/index.m3u8 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(origin.asked.length).toBe(before);
  });

  test('headers larger than 8 KiB and targets longer than 2 KiB are refused', async () => {
    const big = await raw(`GET / HTTP/1.1\r\nhost: x\r\nx-big: ${'a'.repeat(9000)}\r\n\r\n`);
    expect(big).toMatch(/^HTTP\/1\.1 431 /);
    const long = await raw(
      `GET /live/${'a'.repeat(3000)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
    );
    expect(long).toMatch(/^HTTP\/1\.1 414 /);
  });

  test('a request that is none ends its connection with 400', async () => {
    expect(await raw('\x16\x03\x01\x02rubbish\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('a request smuggled behind two lengths is refused', async () => {
    const answer = await raw(
      `GET ${SEGMENT} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });
});

test('a viewer who stops reading loses the connection, and the edge buffers nothing for him', async () => {
  const size = 24 * 1024 * 1024;
  const large = await startEdgeOrigin((_request, response) => {
    response.writeHead(200, { 'content-length': size }).end(Buffer.alloc(size, 7));
  });
  const edgeHere = await startEdgeInProcess(large.url, 300);
  let buffered = 0;
  const viewer = connect(edgeHere.port, '127.0.0.1');
  viewer.on('error', () => undefined);
  viewer.write(`GET ${SEGMENT} HTTP/1.1\r\nhost: x\r\n\r\n`);
  await once(viewer, 'readable');
  const [socket] = edgeHere.accepted;
  const closed = once(socket ?? viewer, 'close');
  const timer = setInterval(() => {
    buffered = Math.max(buffered, socket?.writableLength ?? 0);
  }, 10);
  await closed;
  clearInterval(timer);
  expect(socket?.destroyed).toBe(true);
  // Less than a tenth of the object waits in the socket while it streams in.
  expect(buffered).toBeLessThan(size / 10);
  viewer.destroy();
  await edgeHere.close();
  await large.close();
});
