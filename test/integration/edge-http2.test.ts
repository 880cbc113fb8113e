/** TLS on the edge's port, and HTTP/2 over it: one connection for all of a player's requests. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { request as ask } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { makeCertificate } from '../helpers/certificate.ts';
import { eventually } from '../helpers/poll.ts';
import { patternBytes, startEdgeOrigin, type EdgeOrigin } from './edge-origin.ts';
import { runEdge, type RunningEdge } from './edge-run.ts';

const BODY = patternBytes(300_000);
const SEGMENT = '/live/main/v720/897500000.m4s';
const GROWING = '/live/main/v720/897500001.m4s';
const BROKEN = '/live/main/v720/897500002.m4s';
const PLAYLIST = '/live/main/v720/897500000.m3u8';
const HELD = `${PLAYLIST}?_HLS_msn=897500009`;
const TEXT = `#EXTM3U\n${'#EXTINF:2,\n897500000.m4s\n'.repeat(90)}`;
const ETAG = '"seg"';

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
      case GROWING:
      case BROKEN:
      case HELD:
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
): Promise<Answered> {
  const stream = session.request({ ':method': 'GET', ':path': target, ...headers });
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

describe('the same port', () => {
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

test('a certificate that is none is said so by the names of its settings', async () => {
  const none = path.join(folder, 'none');
  const running = runEdge(origin.url, { env: { EDGE_TLS_CERT: none, EDGE_TLS_KEY: none } });
  await expect(running).rejects.toMatchObject({
    code: 'BAD_CONFIG',
    message: expect.stringContaining('EDGE_TLS_CERT'),
  });
});
