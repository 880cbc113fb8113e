/** Who may come in: every route of control room, API and queue board, taken from the application's own router. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import { createLogger } from '#common/logger';
import { openQueue } from '#common/queues';
import { connectRedis, type Redis } from '#common/redis';
import { createApp } from '../../control/api/app.ts';
import { EdgeViews } from '../../control/api/edge-views.ts';
import { EndedSessions } from '../../control/api/ended-sessions.ts';
import { queueBoard } from '../../control/api/queue-board.ts';
import { Room } from '../../control/api/room.ts';
import { expressRoutes } from '../helpers/express-routes.ts';
import { refusingChannels } from '../helpers/refusing-channels.ts';
import { startRedis } from '../helpers/redis-server.ts';
import { TOKEN } from './scheduler-harness.ts';

interface Found {
  readonly method: string;
  readonly path: string;
}

/** Requests that reach every route, and something below every mount. */
const requestsOf = (router: unknown): readonly Found[] =>
  expressRoutes(router).map(({ method, path }) => {
    const filled = path.replaceAll(/[:*]\w+/g, 'x');
    return method === undefined
      ? // Middleware may answer as well, static files for one.
        { method: 'GET', path: `${filled}/anything`.replaceAll('//', '/') }
      : { method: method === '_ALL' ? 'POST' : method, path: filled };
  });

const OPEN = new Set(['GET /login', 'POST /login']);
const logger = createLogger('test', 'silent');
let close: () => Promise<void>;
let redis: Redis;
let app: Express;
let server: Server;
let room: Room;
let url: string;
let clock = Date.now();

beforeAll(async () => {
  const store = await startRedis();
  redis = connectRedis(store.url, 'test', logger);
  const queue = openQueue('chunks', redis, logger);
  const none = (): Promise<never[]> => Promise.resolve([]);
  room = new Room(
    { now: Date.now, channels: none, queues: none, services: none, edges: () => [], missing: none },
    logger,
  );
  app = createApp({
    adminToken: TOKEN,
    endedSessions: await EndedSessions.open(redis, logger, clock),
    channels: refusingChannels,
    services: none,
    edges: new EdgeViews(),
    room,
    files: undefined,
    previews: { latest: (channel) => Promise.resolve(Buffer.from(channel)) },
    board: (base) => queueBoard({ queues: [queue], base, head: '', logger }),
    now: () => clock,
    logger,
  });
  server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = async () => {
    await room.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await queue.close();
    redis.disconnect();
    await store.close();
  };
});

afterAll(() => close());

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${url}${path}`, { redirect: 'manual', ...init });

async function logIn(headers: Record<string, string> = {}, token = TOKEN): Promise<Response> {
  return ask('/login', { method: 'POST', headers, body: new URLSearchParams({ token }) });
}

async function cookieOf(): Promise<string> {
  const answer = await logIn();
  expect(answer.status).toBe(303);
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}

describe('without the token', () => {
  test('every route answers 401, and browsers get the login page', async () => {
    const found = requestsOf(app.router);
    const names = found.map(({ method, path }) => `${method} ${path}`);
    // A router that hid its routes from this test would let it pass.
    for (const known of [
      'GET /',
      'GET /v1/events',
      'POST /v1/channels',
      'DELETE /v1/channels/x',
      'POST /logout',
      'GET /queues/api/queues',
      'PUT /queues/api/queues/x/retry/x',
      'GET /queues/static/anything',
      'GET /assets/x',
    ]) {
      expect(names).toContain(known);
    }
    for (const { method, path } of found) {
      if (OPEN.has(`${method} ${path}`)) {
        continue;
      }
      const plain = await ask(path, { method });
      expect([method, path, plain.status]).toEqual([method, path, 401]);
      expect(plain.headers.get('www-authenticate')).toBe('Bearer');
      const page = await ask(path, { method, headers: { accept: 'text/html' } });
      const isPage = method === 'GET' || method === 'HEAD';
      expect([method, path, page.status]).toEqual([method, path, isPage ? 303 : 401]);
      if (isPage) {
        expect(page.headers.get('location')).toBe('/login');
      }
      await Promise.all([plain.arrayBuffer(), page.arrayBuffer()]);
    }
    expect(found.length).toBeGreaterThan(40);
  });

  test('the login page shows nothing but itself and runs nothing', async () => {
    const page = await ask('/login');
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-/,
    );
    expect(await page.text()).not.toMatch(/<script|src=|href=/);
  });
});

describe('a session', () => {
  test('is an HttpOnly, SameSite=Strict cookie that is not the token', async () => {
    const set = (await logIn()).headers.get('set-cookie') ?? '';
    const [, ...attributes] = set.split('; ');
    expect(attributes.toSorted()).toEqual([
      'HttpOnly',
      'Max-Age=43200',
      'Path=/',
      'SameSite=Strict',
    ]);
    expect(set).not.toContain(TOKEN);
    const cookie = set.split(';')[0] ?? '';
    expect((await ask('/v1/openapi.json', { headers: { cookie } })).status).toBe(200);
    const [name = '', jwt = ''] = cookie.split('=');
    const [head = '', payload = '', signature = ''] = jwt.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { exp: number };
    const encode = (value: unknown): string =>
      Buffer.from(JSON.stringify(value)).toString('base64url');
    const longer = encode({ ...claims, exp: claims.exp + 3600 });
    for (const forged of [
      `${head}.${longer}.${signature}`,
      `${encode({ alg: 'none' })}.${longer}.`,
      `${encode({ alg: 'none' })}.${payload}.`,
    ]) {
      const headers = { cookie: `${name}=${forged}` };
      expect((await ask('/v1/openapi.json', { headers })).status).toBe(401);
    }
  });

  test('is over after a logout, also for whoever has copied its cookie', async () => {
    const cookie = await cookieOf();
    const headers = { cookie, 'sec-fetch-site': 'same-origin' };
    const out = await ask('/logout', { method: 'POST', headers });
    expect([out.status, out.headers.get('location')]).toEqual([303, '/login']);
    expect(out.headers.get('set-cookie')).toContain('Max-Age=0');
    expect((await ask('/v1/openapi.json', { headers: { cookie } })).status).toBe(401);
    const other = await cookieOf();
    expect((await ask('/v1/openapi.json', { headers: { cookie: other } })).status).toBe(200);
  });

  test('is over after twelve hours', async () => {
    const cookie = await cookieOf();
    clock += 12 * 3_600_000;
    expect((await ask('/v1/openapi.json', { headers: { cookie } })).status).toBe(401);
  });

  test.each([
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['another port of this host', { 'sec-fetch-site': 'same-site' }],
    ['an origin that is not ours', { origin: 'http://127.0.0.1:1' }],
    ['a sandboxed page', { origin: 'null' }],
    ['a page that does not say where it is from', {}],
  ])('changes nothing for %s', async (_name, from) => {
    const cookie = await cookieOf();
    const headers = { cookie, 'content-type': 'application/json', ...from };
    for (const [method, path] of [
      ['POST', '/v1/channels'],
      ['DELETE', '/v1/channels/x'],
      ['POST', '/logout'],
      ['PUT', '/queues/api/queues/chunks/clean/failed'],
    ] as const) {
      const answer = await ask(path, { method, headers, ...(method === 'POST' && { body: '{}' }) });
      expect([path, answer.status]).toEqual([path, 403]);
    }
  });

  test('changes what its own page asks for, where browsers send only an origin as well', async () => {
    const cookie = await cookieOf();
    const own: Record<string, string>[] = [{ 'sec-fetch-site': 'same-origin' }, { origin: url }];
    for (const from of own) {
      const headers = { cookie, 'content-type': 'application/json', ...from };
      const answer = await ask('/v1/channels', { method: 'POST', headers, body: '{}' });
      expect(answer.status).toBe(400);
    }
  });

  test('is not begun by another site', async () => {
    clock += 60_000;
    expect((await logIn({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await logIn({ origin: 'http://elsewhere.example' })).status).toBe(403);
    expect((await logIn({ 'sec-fetch-site': 'same-origin' })).status).toBe(303);
  });
});

describe('attempts to log in', () => {
  test('are ten a minute; a tenfold of them waits as long as the answer says', async () => {
    clock += 60_000;
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 100; attempt += 1) {
      statuses.push((await logIn({}, 'wrong')).status);
    }
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
    expect(new Set(statuses.slice(10))).toEqual(new Set([429]));
    clock += 20_000;
    const refused = await logIn();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '40']);
    expect(await refused.text()).toContain('in 40 seconds');
    clock += 40_000;
    expect((await logIn()).status).toBe(303);
  });
});

describe('a preview picture', () => {
  test('is sent as JPEG for a channel’s id, and for nothing else', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const picture = await ask('/v1/channels/final/preview.jpg', { headers });
    expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    expect(await picture.text()).toBe('final');
    const strange = await ask('/v1/channels/..%2fx/preview.jpg', { headers });
    expect(strange.status).toBe(400);
  });
});

describe('the queue board', () => {
  test('is shown from this server alone, and changes nothing even with the token', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const page = await ask('/queues', { headers });
    const text = await page.text();
    expect(page.status).toBe(200);
    expect(text).toContain('static/js/main');
    expect(text).not.toMatch(/(href|src)="https?:/);
    expect(page.headers.get('content-security-policy')).toContain(`script-src 'self'`);
    const script = /src="(static\/js\/main[^"]*)"/.exec(text)?.[1] ?? '';
    expect((await ask(`/queues/${script}`, { headers })).status).toBe(200);
    const list = await ask('/queues/api/queues', { headers });
    expect(await list.json()).toMatchObject({ queues: [{ name: 'chunks', readOnlyMode: true }] });
    const change = await ask('/queues/api/queues/chunks/pause', { method: 'PUT', headers });
    expect(change.status).toBe(403);
  });
});
