/** TLS on the edge's port, and HTTP/2 over it: one connection for all of a player's requests. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { request as ask } from 'node:https';
import { connect as connectPlain, createServer, type AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect as connectSecure } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { parseConfig } from '#common/config';
import { edgeSettings } from '../../edge/config.ts';
import { MAX_STREAMS, RESETS_FREE } from '../../edge/http2.ts';
import { openCertificate, openSecureDoor } from '../../edge/tls.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { eventually } from '../helpers/poll.ts';
import { patternBytes, startEdgeOrigin, type EdgeOrigin } from './edge-origin.ts';
import { runEdge, type RunningEdge } from './edge-run.ts';

const BODY = patternBytes(300_000);
const SEGMENT = '/live/main/v720/897500000.m4s';
const GROWING = '/live/main/v720/897500001.m4s';
const BROKEN = '/live/main/v720/897500002.m4s';
const LARGE = '/live/main/v720/897500003.m4s';
const NEXT = '/live/main/v720/897500004.m4s';
const PASSED_ON = '/live/main/v720/897500005.m4s';
const PLAYLIST = '/live/main/v720/897500000.m3u8';
const HELD = `${PLAYLIST}?_HLS_msn=897500009`;
const TEXT = `#EXTM3U\n${'#EXTINF:2,\n897500000.m4s\n'.repeat(90)}`;
const WANTED = `${PLAYLIST}?_HLS_msn=897500010`;
const NEVER = `${PLAYLIST}?_HLS_msn=897500011`;
const ETAG = '"seg"';
const LARGE_BYTES = 1_500_000;

const { cert, key } = makeCertificate();
const opened = new Map<string, ServerResponse>();
let folder: string;
let origin: EdgeOrigin;
let edge: RunningEdge;
let url: string;
let session: ClientHttp2Session;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'touchline-tls-'));
  const files = { EDGE_TLS_CERT: path.join(folder, 'c'), EDGE_TLS_KEY: path.join(folder, 'k') };
  await writeFile(files.EDGE_TLS_CERT, cert);
  await writeFile(files.EDGE_TLS_KEY, key);
  origin = await startEdgeOrigin((_request, response, target) => {
    switch (target) {
      case SEGMENT:
        response.writeHead(200, { 'content-length': BODY.length, etag: ETAG }).end(BODY);
        break;
      case PLAYLIST:
        response.writeHead(200, { 'content-length': TEXT.length, etag: '"list"' }).end(TEXT);
        break;
      case LARGE:
        response
          .writeHead(200, { 'content-length': LARGE_BYTES, etag: ETAG })
          .end(Buffer.alloc(LARGE_BYTES, 7));
        break;
      case GROWING:
      case BROKEN:
      case NEXT:
      case PASSED_ON:
      case HELD:
      case WANTED:
      case NEVER:
        opened.set(target, response);
        break;
      default:
        response.writeHead(404).end();
    }
  });
  edge = await runEdge(origin.url, { env: { REPEAT_PAUSE_MS: '0', ...files } });
  url = edge.url.replace('http:', 'https:');
  session = connect(url, { ca: cert });
  session.on('error', () => undefined);
});

afterAll(async () => {
  session.destroy();
  await edge.close();
  await origin.close();
  await rm(folder, { recursive: true, force: true });
});

interface Answered {
  readonly headers: IncomingHttpHeaders & { readonly ':status'?: number | undefined };
  readonly body: Buffer;
  readonly isReset: boolean;
}

/** Asks on the one session; `onData` is told how many bytes there are. */
async function get(
  target: string,
  headers: Record<string, string> = {},
  onData: (bytes: number) => void = () => undefined,
  on = session,
): Promise<Answered> {
  const stream = on.request({ ':method': 'GET', ':path': target, ...headers });
  const chunks: Buffer[] = [];
  let bytes = 0;
  let isReset = false;
  let answered: Answered['headers'] = {};
  stream.on('response', (found) => {
    answered = found;
  });
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    onData(bytes);
  });
  stream.on('error', () => {
    isReset = true;
  });
  const closed = new Promise((resolve) => stream.once('close', resolve));
  stream.end();
  await closed;
  return { headers: answered, body: Buffer.concat(chunks), isReset };
}

const answerTo = (target: string): Promise<ServerResponse> =>
  eventually(`${target} to be asked for`, () => Promise.resolve(opened.get(target)), {
    everyMs: 10,
  });

/** A number of the edge's, asked for without TLS. */
async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${edge.url}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{.*\\})? ([0-9.e+]+)$`, 'm').exec(text)?.[1] ?? 0);
}

/** A client of its own. */
async function connectAnother(to = url): Promise<ClientHttp2Session> {
  const other = connect(to, { ca: cert });
  other.on('error', () => undefined);
  await once(other, 'remoteSettings');
  return other;
}

describe('HTTP/2', () => {
  test('answers media, ranges, conditions, what is not there, the clock and pages on one connection', async () => {
    const whole = await get(SEGMENT);
    expect(whole.headers).toMatchObject({
      ':status': 200,
      'content-type': 'video/mp4',
      'content-length': String(BODY.length),
      'access-control-allow-origin': '*',
      etag: ETAG,
    });
    expect(whole.body.equals(BODY)).toBe(true);
    const part = await get(SEGMENT, { range: 'bytes=10-19' });
    expect(part.headers).toMatchObject({
      ':status': 206,
      'content-range': `bytes 10-19/${BODY.length}`,
    });
    expect(part.body.equals(BODY.subarray(10, 20))).toBe(true);
    expect((await get(SEGMENT, { 'if-none-match': ETAG })).headers[':status']).toBe(304);
    expect((await get('/live/main/v720/1.m4s')).headers[':status']).toBe(404);
    expect((await get('/time')).body.toString()).toMatch(/Z$/);
    expect((await get('/healthz')).headers[':status']).toBe(200);
    expect((await get('/watch/other')).headers[':status']).toBe(404);
    const head = await get(SEGMENT, { ':method': 'HEAD' });
    expect([head.headers['content-length'], head.body.length]).toEqual([String(BODY.length), 0]);
    expect((await get(SEGMENT, { ':method': 'POST' })).headers[':status']).toBe(405);
  });

  test('packs texts', async () => {
    await get(PLAYLIST);
    const packed = await eventually('the packed form', async () => {
      const answer = await get(PLAYLIST, { 'accept-encoding': 'gzip' });
      return answer.headers['content-encoding'] === 'gzip' ? answer : undefined;
    });
    expect(gunzipSync(packed.body).toString()).toBe(TEXT);
  });

  test('has sixty readers of a growing segment and a held playlist on one connection, by one upstream request each', async () => {
    let began = (): void => undefined;
    const hasBegun = new Promise<void>((resolve) => {
      let count = 0;
      began = () => {
        count += 1;
        if (count === 60) {
          resolve();
        }
      };
    });
    const reading = Array.from({ length: 60 }, () => {
      let isFirst = true;
      return get(GROWING, {}, () => {
        if (isFirst) {
          isFirst = false;
          began();
        }
      });
    });
    const held = get(HELD);
    const growing = await answerTo(GROWING);
    growing.writeHead(200, { etag: ETAG }).write(BODY.subarray(0, 10_000));
    await hasBegun;
    growing.end(BODY.subarray(10_000));
    const told = await Promise.all(reading);
    expect(told.every(({ body, isReset }) => !isReset && body.equals(BODY))).toBe(true);
    (await answerTo(HELD)).writeHead(200, { 'content-length': TEXT.length }).end(TEXT);
    expect((await held).body.toString()).toBe(TEXT);
    expect(origin.asked.filter((target) => target === GROWING || target === HELD)).toHaveLength(2);
  });

  test('resets the stream of a body that is not whole', async () => {
    let began = (): void => undefined;
    const hasBegun = new Promise<void>((resolve) => {
      began = resolve;
    });
    const reading = get(BROKEN, {}, began);
    const response = await answerTo(BROKEN);
    response.writeHead(200).write('half');
    await hasBegun;
    response.destroy();
    expect(await reading).toMatchObject({ isReset: true, body: Buffer.from('half') });
  });
});

describe('a client of HTTP/2', () => {
  test('that asks for ten times as much as it may has so many places, and the rest in turn, by one upstream request', async () => {
    const asking = Array.from({ length: 10 * MAX_STREAMS }, () => get(WANTED));
    const response = await answerTo(WANTED);
    await eventually('all places to be taken', async () =>
      (await metric('edge_held_requests')) >= MAX_STREAMS ? true : undefined,
    );
    // Another client has places of its own.
    expect((await fetch(edge.url + SEGMENT)).status).toBe(200);
    expect(await metric('edge_held_requests')).toBe(MAX_STREAMS);
    response
      .writeHead(200, { 'content-length': TEXT.length, 'cache-control': 'max-age=12' })
      .end(TEXT);
    const told = await Promise.all(asking);
    expect(told.every(({ body }) => body.toString() === TEXT)).toBe(true);
    expect(origin.asked.filter((target) => target === WANTED)).toHaveLength(1);
  });

  test('has large answers on all streams at once, and none refused for what waits in the others', async () => {
    await get(LARGE);
    const told = await Promise.all(Array.from({ length: MAX_STREAMS }, () => get(LARGE)));
    expect(told.map(({ body, isReset }) => (isReset ? 'reset' : body.length))).toEqual(
      told.map(() => LARGE_BYTES),
    );
  });

  test('that asks and takes it back, over and over, is told to be calm, and others notice nothing', async () => {
    const other = await connectAnother();
    const goaway = new Promise<number>((resolve) => other.once('goaway', resolve));
    const closed = new Promise<void>((resolve) => other.once('close', resolve));
    for (let count = 0; count < 10 * RESETS_FREE && !other.destroyed; count += 1) {
      const stream = other.request({ ':path': NEVER });
      stream.on('error', () => undefined);
      // What is taken back at once is never sent.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      stream.close(constants.NGHTTP2_CANCEL);
    }
    expect(await goaway).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    await closed;
    expect((await get(SEGMENT)).body.equals(BODY)).toBe(true);
    await eventually('its places to be given back', async () =>
      (await metric('edge_held_requests')) === 0 ? true : undefined,
    );
  });

  test('that sends a body has its answer, and the stream ends', async () => {
    const stream = session.request({ ':method': 'POST', ':path': SEGMENT }, { endStream: false });
    stream.on('error', () => undefined);
    stream.write(Buffer.alloc(16 * 1024));
    const closed = once(stream, 'close');
    const [headers] = (await once(stream, 'response')) as [Answered['headers']];
    stream.resume();
    expect(headers[':status']).toBe(405);
    await closed;
  });

  test('that does not read what grows holds up nobody', async () => {
    const slow = await connectAnother();
    const unread = slow.request({ ':path': NEXT }).pause();
    unread.on('error', () => undefined);
    const response = await answerTo(NEXT);
    const reading = Array.from({ length: 20 }, () => get(NEXT));
    response.writeHead(200, { etag: ETAG });
    const fragment = patternBytes(50_000);
    for (let count = 0; count < 40; count += 1) {
      response.write(fragment);
    }
    response.end();
    const told = await Promise.all(reading);
    expect(told.map(({ body }) => body.length)).toEqual(told.map(() => 40 * fragment.length));
    slow.destroy();
  });

  test('costs the bytes that it was sent, counted once', async () => {
    const before = await metric('edge_sent_bytes_total');
    await get(LARGE);
    const sent = (await metric('edge_sent_bytes_total')) - before;
    expect(sent).toBeGreaterThan(LARGE_BYTES);
    expect(sent).toBeLessThan(1.2 * LARGE_BYTES);
  });
});

describe('the same port', () => {
  test('passes on over TLS and HTTP/1.1 what grows, as it grows', async () => {
    const request = ask(url + PASSED_ON, { ca: cert });
    request.end();
    const upstream = await answerTo(PASSED_ON);
    upstream.writeHead(200, { etag: ETAG }).write('first ');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    response.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      if (text === 'first ') {
        upstream.end('and last');
      }
    });
    await once(response, 'end');
    expect(text).toBe('first and last');
  });

  test('speaks HTTP/1.1 over TLS and without it, by the same answers', async () => {
    // Without a word of HTTP/2 in its handshake.
    const request = ask(url + SEGMENT, { ca: cert });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) {
      chunks.push(chunk as Buffer);
    }
    expect(Buffer.concat(chunks).equals(BODY)).toBe(true);
    const plain = await fetch(edge.url + SEGMENT);
    expect(Buffer.from(await plain.arrayBuffer()).equals(BODY)).toBe(true);
  });

  test('ends a handshake that is none', async () => {
    const socket = connectPlain(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    const closed = once(socket, 'close');
    socket.write(Buffer.from([0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5]));
    await closed;
  });
});

test('an edge that is stopped ends idle connections and half handshakes, and tells who waits to ask again', async () => {
  const stopping = await runEdge(origin.url, {
    env: {
      REPEAT_PAUSE_MS: '0',
      EDGE_TLS_CERT: path.join(folder, 'c'),
      EDGE_TLS_KEY: path.join(folder, 'k'),
    },
  });
  const to = stopping.url.replace('http:', 'https:');
  const [waiting, idle] = [await connectAnother(to), await connectAnother(to)];
  const half = connectPlain(Number(new URL(to).port), '127.0.0.1');
  half.on('error', () => undefined);
  half.write(Buffer.from([0x16]));
  const answered = get(NEVER, {}, () => undefined, waiting);
  await eventually('the request to wait', async () => {
    const metrics = await (await fetch(`${stopping.url}/metrics`)).text();
    return /^edge_held_requests(?:\{.*\})? 1$/m.test(metrics) ? true : undefined;
  });
  const closed = [waiting, idle, half].map(
    (each) => new Promise((resolve) => each.once('close', resolve)),
  );
  await stopping.close();
  expect((await answered).headers).toMatchObject({ ':status': 503, 'retry-after': '1' });
  await Promise.all(closed);
});

test('a renewed certificate is taken without a restart, and one that is broken is not', async () => {
  const files = { cert: path.join(folder, 'renewed'), key: path.join(folder, 'renewed-key') };
  const write = async (pair: { readonly cert: string; readonly key: string }): Promise<void> => {
    await writeFile(files.cert, pair.cert);
    await writeFile(files.key, pair.key);
  };
  await write({ cert, key });
  const warned: string[] = [];
  const logger = pino(
    { level: 'info' },
    { write: (line: string) => warned.push(String(Object(JSON.parse(line)).msg)) },
  );
  const certificate = await openCertificate(files, logger, 10);
  const door = openSecureDoor(certificate, {
    http2: (socket) => socket.end(),
    http1: (socket) => socket.end(),
  });
  const server = createServer((socket) => {
    door.accept(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const shown = async (): Promise<string> => {
    const { port } = server.address() as AddressInfo;
    const client = connectSecure({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(client, 'secureConnect');
    const { raw } = client.getPeerCertificate();
    client.resume();
    await once(client, 'close');
    return raw.toString('base64');
  };
  const old = await shown();
  await write({ cert: 'nonsense', key });
  await eventually('a warning', () =>
    Promise.resolve(
      warned.includes('certificate cannot be read, the last one stays') ? true : undefined,
    ),
  );
  expect(await shown()).toBe(old);
  await write(makeCertificate());
  await eventually('the new one', async () => ((await shown()) === old ? undefined : true));
  expect(warned).toContain('certificate changed');
  server.close();
  await Promise.all([certificate.close(), door.close()]);
});

test.each([
  ['EDGE_TLS_CERT', 'EDGE_TLS_KEY'],
  ['EDGE_TLS_KEY', 'EDGE_TLS_CERT'],
])('%s alone is told that %s is missing', (given, missing) => {
  expect(() => parseConfig(edgeSettings, { [given]: '/some/file' })).toThrow(missing);
});

test('a certificate that is none is said so by the names of its settings', async () => {
  const none = path.join(folder, 'none');
  const running = runEdge(origin.url, { env: { EDGE_TLS_CERT: none, EDGE_TLS_KEY: none } });
  await expect(running).rejects.toMatchObject({
    code: 'BAD_CONFIG',
    message: expect.stringContaining('EDGE_TLS_CERT'),
  });
});
