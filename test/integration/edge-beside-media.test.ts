/** What the edge answers beside media: the clock, the directory, health, and what it tells of itself. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Detail } from '#common/service';
import { patternBytes, startEdgeOrigin, type EdgeOrigin } from './edge-origin.ts';
import { edgeService, runEdge, type RunningEdge } from './edge-run.ts';

const BODY = patternBytes(100_000);
const SEGMENT = '/live/main/v720/897500000.m4s';

let origin: EdgeOrigin;
let edge: RunningEdge;
const details: Detail[] = [];

beforeAll(async () => {
  origin = await startEdgeOrigin((_request, response, path) => {
    if (path === SEGMENT) {
      response.writeHead(200, { 'content-length': BODY.length }).end(BODY);
    } else {
      response.writeHead(404).end();
    }
  });
  edge = await runEdge(origin.url, {
    services: () => [edgeService()],
    onDetail: (told) => details.push(told),
  });
  await bytesOf(await ask(SEGMENT));
});

afterAll(async () => {
  await edge.close();
  await origin.close();
});

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(edge.url + path, init);
const bytesOf = async (response: Response): Promise<Buffer> =>
  Buffer.from(await response.arrayBuffer());

describe('beside media', () => {
  test('/time is the clock in ISO 8601 with milliseconds, not kept by anyone', async () => {
    const before = Date.now() - 50;
    const response = await ask('/time');
    const text = await response.text();
    expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(Date.parse(text)).toBeGreaterThan(before);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
  });

  test('the directory names this edge and asks for a channel', async () => {
    const answer: unknown = await (await ask('/v1/edges/nearest?channel=main')).json();
    expect(answer).toMatchObject({ edges: [{ id: 'local.host.01a', url: 'http://edge.example' }] });
    const bad = await ask('/v1/edges/nearest?channel=../x');
    expect([bad.status, await bad.json()]).toMatchObject([400, { error: { code: 'BAD_REQUEST' } }]);
  });

  test('the heartbeat tells totals that only grow, and what they are made of', async () => {
    const told = (): Promise<Detail> =>
      new Promise((resolve) => {
        const length = details.length;
        const timer = setInterval(() => {
          const last = details.at(-1);
          if (last !== undefined && details.length > length) {
            clearInterval(timer);
            resolve(last);
          }
        }, 20);
      });
    const before = await told();
    await bytesOf(await ask(SEGMENT));
    await bytesOf(await ask('/live/main/v720/5.m4s'));
    const after = await told();
    expect(after).toMatchObject({ edge: 'local.host.01a', url: edge.url });
    const grown = (name: string): number => Number(after[name]) - Number(before[name]);
    expect([grown('requests'), grown('hits'), grown('misses')]).toEqual([2, 1, 1]);
    expect(grown('bytesSent')).toBeGreaterThan(BODY.length);
  });

  test('health and metrics are answered; ready once the upstream answers', async () => {
    expect((await ask('/healthz')).status).toBe(200);
    expect((await ask('/readyz')).status).toBe(200);
    const metrics = await (await ask('/metrics')).text();
    expect(metrics).toMatch(/edge_cache_lookups_total\{outcome="hit"/);
    expect(metrics).toMatch(/edge_cache_bytes\{state="rest"/);
  });
});
