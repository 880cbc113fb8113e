/** One upstream request per object however many ask. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import {
  gate,
  patternBytes,
  startEdgeOrigin,
  type Answer,
  type EdgeOrigin,
} from './edge-origin.ts';
import { eventually } from '../helpers/poll.ts';
import { runEdge, type RunningEdge } from './edge-run.ts';

const VIEWERS = 500;
const PATH = '/live/main/v720/897500000.m4s';
const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });

let origin: EdgeOrigin | undefined;
let edge: RunningEdge | undefined;

afterEach(async () => {
  await edge?.close();
  await origin?.close();
});

async function start(answer: Answer): Promise<{ origin: EdgeOrigin; url: string }> {
  origin = await startEdgeOrigin(answer);
  edge = await runEdge(origin.url);
  return { origin, url: edge.url };
}

async function open(url: string): Promise<IncomingMessage> {
  const request = get(url, { agent });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

describe('500 viewers who miss the same object at once', () => {
  test('cause one upstream request, get every byte as it comes, and the next viewer none', async () => {
    const body = patternBytes(300_000);
    const second = gate();
    const { origin: upstream, url } = await start(async (_request, response) => {
      response.writeHead(200, { 'content-length': body.length, etag: '"x"' });
      response.write(body.subarray(0, 100_000));
      await second.opened;
      response.end(body.subarray(100_000));
    });
    const responses = await Promise.all(Array.from({ length: VIEWERS }, () => open(url + PATH)));
    // The first third has reached everyone while the upstream still holds the rest back.
    const firstChunks = await Promise.all(
      responses.map(async (response) => {
        await once(response, 'readable');
        return response.read() as Buffer;
      }),
    );
    expect(upstream.asked).toEqual([PATH]);
    second.open();
    const rests = await Promise.all(responses.map((response) => readAll(response)));
    const isWhole = rests.map((rest, i) =>
      Buffer.concat([firstChunks[i] ?? Buffer.alloc(0), rest]).equals(body),
    );
    expect(isWhole.every(Boolean)).toBe(true);
    expect((await readAll(await open(url + PATH))).equals(body)).toBe(true);
    expect(upstream.asked).toEqual([PATH]);
  });

  test('get the object although the first of them leaves', async () => {
    const body = patternBytes(200_000);
    const rest = gate();
    const { origin: upstream, url } = await start(async (_request, response) => {
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, 50_000));
      await rest.opened;
      response.end(body.subarray(50_000));
    });
    const first = await open(url + PATH);
    const others = await Promise.all(Array.from({ length: VIEWERS - 1 }, () => open(url + PATH)));
    first.destroy();
    rest.open();
    const bodies = await Promise.all(others.map((response) => readAll(response)));
    expect(bodies.every((bytes) => bytes.equals(body))).toBe(true);
    expect(upstream.asked).toEqual([PATH]);
  });

  test('all get 502 when the upstream fails, and nobody after them does', async () => {
    const fail = gate();
    let isHealthy = false;
    const { origin: upstream, url } = await start(async (_request, response) => {
      await fail.opened;
      response.writeHead(isHealthy ? 200 : 500).end(isHealthy ? 'media' : 'secret stack trace');
    });
    const asking = Promise.all(Array.from({ length: VIEWERS }, () => open(url + PATH)));
    await eventually('all viewers to wait', async () => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      const joined = /edge_cache_lookups_total\{outcome="join"[^}]*\} ([0-9]+)/.exec(metrics)?.[1];
      return Number(joined) === VIEWERS - 1 ? true : undefined;
    });
    fail.open();
    const responses = await asking;
    expect(new Set(responses.map(({ statusCode }) => statusCode))).toEqual(new Set([502]));
    const texts = await Promise.all(responses.map((response) => readAll(response)));
    expect(texts.some((text) => text.includes('secret'))).toBe(false);
    expect(upstream.asked).toEqual([PATH]);
    isHealthy = true;
    const later = await open(url + PATH);
    expect(later.statusCode).toBe(200);
    expect((await readAll(later)).toString()).toBe('media');
    expect(upstream.asked).toEqual([PATH, PATH]);
  });

  test('see a broken answer as broken when the upstream is cut off, and it is not kept', async () => {
    const cut = gate();
    let isCut = true;
    const body = patternBytes(100_000);
    const { url } = await start(async (_request, response) => {
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, 60_000));
      if (isCut) {
        await cut.opened;
        response.destroy();
      } else {
        response.end(body.subarray(60_000));
      }
    });
    const responses = await Promise.all(Array.from({ length: 20 }, () => open(url + PATH)));
    cut.open();
    const outcomes = await Promise.allSettled(responses.map((response) => readAll(response)));
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    isCut = false;
    expect((await readAll(await open(url + PATH))).equals(body)).toBe(true);
  });
});

test('an upstream that cannot be reached is a 502', async () => {
  edge = await runEdge('http://127.0.0.1:9');
  expect((await open(edge.url + PATH)).statusCode).toBe(502);
});

test('a held 503 is passed on to all who wait and not kept', async () => {
  let answers = 0;
  const { url } = await start((_request, response) => {
    answers += 1;
    response.writeHead(503, { 'retry-after': '2' }).end();
  });
  const first = await open(url + PATH);
  expect([first.statusCode, first.headers['retry-after']]).toEqual([503, '2']);
  await open(url + PATH);
  expect(answers).toBe(2);
});
