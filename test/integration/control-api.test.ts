import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { redisKeys } from '#common/contracts/names';
import type { ServiceRecord } from '#common/contracts/status';
import { SchedulerBench, TOKEN, call, eventually, type TestControl } from './scheduler-harness.ts';

let bench: SchedulerBench;
let control: TestControl;

beforeAll(async () => {
  bench = await SchedulerBench.open();
  control = await bench.startControl();
});

afterAll(async () => {
  await control.close();
  await bench.close();
});

const api = (method: string, path: string, body?: unknown): ReturnType<typeof call> =>
  call(control, method, path, body);

const codeOf = (answer: { body: Record<string, unknown> }): unknown =>
  (answer.body['error'] as { code?: string } | undefined)?.code;
const messageOf = (answer: { body: Record<string, unknown> }): string =>
  (answer.body['error'] as { message?: string } | undefined)?.message ?? '';

describe('channels', () => {
  test('are made with a key that is shown once and kept as a hash', async () => {
    const made = await api('POST', '/v1/channels', { id: 'final', name: 'Cup final', fps: '25' });
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe('/v1/channels/final');
    const key = String(made.body['streamKey']);
    expect(key).toMatch(/^[0-9a-f]{32}$/);
    const shown = await api('GET', '/v1/channels/final');
    expect(shown.body).toMatchObject({ id: 'final', name: 'Cup final', fps: '25', onAir: false });
    const kept = (await bench.redis.hget(redisKeys.channels, 'final')) ?? '';
    const stored = await bench.store.get('channels/final.json');
    for (const text of [JSON.stringify(shown.body), kept, stored?.toString() ?? '']) {
      expect(text).not.toContain(key);
    }
    expect(JSON.stringify(shown.body)).not.toContain('streamKeyHash');
  });

  test('are made once', async () => {
    await api('POST', '/v1/channels', { id: 'once' });
    const again = await api('POST', '/v1/channels', { id: 'once' });
    expect([again.status, codeOf(again)]).toEqual([409, 'CONFLICT']);
  });

  test.each([
    [{}, 'id'],
    [{ id: 'Has Space' }, 'id'],
    [{ id: 'x', fps: '31' }, 'fps'],
    [{ id: 'x', profile: 'ultra' }, 'profile'],
    [{ id: 'x', dvrSeconds: 1 }, 'dvrSeconds'],
    [{ id: 'x', ladder: { video: [], audio: { bitrateBps: 128_000 } } }, 'ladder.video'],
    [{ id: 'x', nonsense: 1 }, 'nonsense'],
  ])('are refused when %j, naming the field', async (body, field) => {
    const answer = await api('POST', '/v1/channels', body);
    expect([answer.status, codeOf(answer)]).toEqual([400, 'BAD_REQUEST']);
    expect(messageOf(answer)).toContain(field);
  });

  test('change, and keep what a change does not name', async () => {
    await api('POST', '/v1/channels', { id: 'change', dvrSeconds: 60 });
    const changed = await api('PATCH', '/v1/channels/change', { name: 'New', fps: '50' });
    expect(changed.body).toMatchObject({ name: 'New', fps: '50', dvrSeconds: 60 });
    expect((await api('PATCH', '/v1/channels/change', {})).status).toBe(400);
    expect((await api('PATCH', '/v1/channels/change', { id: 'other' })).status).toBe(400);
  });

  test('get a new key that replaces the old', async () => {
    const made = await api('POST', '/v1/channels', { id: 'rekey' });
    const before = await bench.redis.hget(redisKeys.channels, 'rekey');
    const renewed = await api('POST', '/v1/channels/rekey/stream-key');
    expect(renewed.body['streamKey']).not.toBe(made.body['streamKey']);
    expect(await bench.redis.hget(redisKeys.channels, 'rekey')).not.toBe(before);
  });

  test('are deleted', async () => {
    await api('POST', '/v1/channels', { id: 'gone' });
    await bench.redis.hset(redisKeys.origin, 'gone', '{}');
    await bench.redis.hset(redisKeys.feeds, 'gone', '{}');
    await bench.redis.xadd(redisKeys.published('gone'), '*', 'e', '{}');
    await bench.redis.xadd(redisKeys.log('gone'), '*', 'e', '{}');
    expect((await api('DELETE', '/v1/channels/gone')).status).toBe(204);
    expect((await api('GET', '/v1/channels/gone')).status).toBe(404);
    // For a moment it is known that the channel was deleted.
    const claim = redisKeys.channelClaim('gone');
    expect(await bench.redis.keys('*{gone}*')).toEqual([claim]);
    expect(await bench.redis.ttl(claim)).toBeGreaterThan(0);
    for (const table of ['channels', 'origin', 'feeds', 'detectedFps'] as const) {
      expect([table, await bench.redis.hexists(redisKeys[table], 'gone')]).toEqual([table, 0]);
    }
    expect(await bench.store.get('channels/gone.json')).toBeUndefined();
  });

  test('that are on air keep their frame rate and cannot be deleted', async () => {
    await api('POST', '/v1/channels', { id: 'live', fps: '30' });
    const broadcast = {
      channel: 'live',
      broadcast: 897_000_000,
      fps: '30',
      renditions: [],
      dvrSeconds: 60,
      startedAt: 0,
      last: null,
    };
    await bench.redis.hset(redisKeys.air, 'live', JSON.stringify(broadcast));
    expect((await api('PATCH', '/v1/channels/live', { fps: '25' })).status).toBe(409);
    expect((await api('PATCH', '/v1/channels/live', { name: 'Live' })).status).toBe(200);
    expect((await api('DELETE', '/v1/channels/live')).status).toBe(409);
    await bench.redis.hdel(redisKeys.air, 'live');
  });

  test('keep their numbers rising when their frame rate changes', async () => {
    await api('POST', '/v1/channels', { id: 'rates', fps: '30' });
    const record = {
      channel: 'rates',
      broadcast: 897_000_000,
      fps: '30',
      profile: 'standard',
      renditions: [],
      dvrSeconds: 60,
      startedAt: 0,
      last: 897_000_010,
    };
    await bench.store.put('broadcasts/rates/897000000.json', Buffer.from(JSON.stringify(record)));
    expect((await api('PATCH', '/v1/channels/rates', { fps: '30000/1001' })).status).toBe(409);
    expect((await api('PATCH', '/v1/channels/rates', { fps: '60' })).status).toBe(200);
    const { body } = await api('GET', '/v1/channels/rates/broadcasts');
    expect(body).toEqual({ broadcasts: [{ ...record, sheds: [] }] });
  });
});

describe('requests', () => {
  test('without the token see only health and login', async () => {
    const bare = (path: string, accept = '*/*'): Promise<Response> =>
      fetch(`${control.url}${path}`, { headers: { accept }, redirect: 'manual' });
    expect((await bare('/healthz')).status).toBe(200);
    expect((await bare('/metrics')).status).toBe(200);
    for (const path of ['/v1/channels', '/v1/openapi.json', '/v1/nothing', '/nothing']) {
      const answer = await bare(path);
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ error: { code: 'UNAUTHORIZED' } });
    }
    const page = await bare('/', 'text/html');
    expect([page.status, page.headers.get('location')]).toEqual([303, '/login']);
    const wrong = await fetch(`${control.url}/v1/channels`, {
      headers: { authorization: `Bearer ${TOKEN}x` },
    });
    expect(wrong.status).toBe(401);
  });

  test('that make no sense get an error with their id', async () => {
    const nothing = await api('GET', '/v1/nothing');
    expect([nothing.status, codeOf(nothing)]).toEqual([404, 'NOT_FOUND']);
    expect(nothing.headers.get('x-request-id')).toBe(
      (nothing.body['error'] as { requestId: string }).requestId,
    );
    const bearer = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    const post = (body: string): Promise<Response> =>
      fetch(`${control.url}/v1/channels`, { method: 'POST', headers: bearer, body });
    expect((await post('{"id":')).status).toBe(400);
    expect((await post(JSON.stringify({ name: 'x'.repeat(70_000) }))).status).toBe(413);
    expect((await api('GET', '/v1/channels/..%2f..%2fx')).status).toBe(400);
  });

  test('find the API described by the schemas that check it', async () => {
    const { body } = await api('GET', '/v1/openapi.json');
    expect(body).toMatchObject({
      openapi: '3.1.0',
      paths: {
        '/v1/channels': { post: { requestBody: { required: true } } },
        '/v1/channels/{id}/status': { get: {} },
        '/v1/events': { get: { responses: { 200: { content: { 'text/event-stream': {} } } } } },
      },
    });
    for (const name of ['reconnectSeconds', 'speed', 'hitRatio', 'oldestMs']) {
      expect(JSON.stringify(body)).toContain(`"${name}"`);
    }
  });
});

describe('what services tell', () => {
  test('is listed as the API describes it, whole or in part', async () => {
    const at = Date.now();
    const shared = { url: 'http://127.0.0.1:1', pid: 1, ready: true, startedAt: at - 5_000, at };
    const records: readonly ServiceRecord[] = [
      {
        ...shared,
        id: 'w-1',
        service: 'transcoder',
        detail: { task: 'final-7', done: 3, failed: 0 },
      },
      { ...shared, id: 'w-2', service: 'transcoder', detail: {} },
      {
        ...shared,
        id: 'a.b.c',
        service: 'edge',
        detail: { edge: 'a.b.c', url: 'http://127.0.0.1:2', hits: 1, misses: 1, requests: 2 },
      },
    ];
    for (const record of records) {
      await bench.redis.hset(redisKeys.services, record.id, JSON.stringify(record));
    }
    await api('POST', '/v1/channels', { id: 'described' });
    const lists = {
      '/v1/workers': {
        workers: [
          { id: 'w-1', task: { n: 7 } },
          { id: 'w-2', task: null },
        ],
      },
      '/v1/edges': { edges: [{ id: 'a.b.c', hits: 1 }] },
      '/v1/edges/nearest?channel=described': { edges: [{ id: 'a.b.c' }] },
      '/v1/services': { services: [{ id: 'a.b.c' }, { id: 'w-1' }, { id: 'w-2' }] },
      '/v1/channels': {
        channels: expect.arrayContaining([expect.objectContaining({ id: 'described' })]),
      },
      '/v1/channels/described/status': { id: 'described', onAir: false, renditions: [] },
      '/v1/channels/described/broadcasts': { broadcasts: [] },
    };
    for (const [path, body] of Object.entries(lists)) {
      // The client compares the whole answer with the description.
      expect(await api('GET', path)).toMatchObject({ status: 200, body });
    }
    await bench.redis.hdel(redisKeys.services, ...records.map(({ id }) => id));
  });
});

describe('readiness', () => {
  test('comes with the last service that was missing, and goes with it', async () => {
    const readyz = async (): Promise<{ status: number; text: string }> => {
      const answer = await fetch(`${control.url}/readyz`);
      return { status: answer.status, text: await answer.text() };
    };
    const beat = (service: ServiceRecord['service'], ready: boolean): Promise<number> => {
      const at = Date.now();
      const record = { id: `${service}-1`, service, url: 'http://127.0.0.1:1', pid: 1, ready };
      const whole: ServiceRecord = { ...record, startedAt: at, at, detail: {} };
      return bench.redis.hset(redisKeys.services, whole.id, JSON.stringify(whole));
    };
    await beat('ingest', true);
    await beat('transcoder', true);
    await beat('aggregator', true);
    expect(await readyz()).toMatchObject({ status: 503, text: expect.stringContaining('edge') });
    await beat('edge', true);
    expect(await readyz()).toEqual({ status: 503, text: 'not ready: leadership\n' });
    const scheduler = await bench.startScheduler();
    await eventually(async () => ((await readyz()).status === 200 ? true : undefined));
    const { body } = await api('GET', '/v1/edges');
    expect(body).toMatchObject({ edges: [{ id: 'edge-1' }] });
    await beat('transcoder', false);
    expect(await readyz()).toMatchObject({
      status: 503,
      text: expect.stringContaining('transcoder'),
    });
    await scheduler.close();
  });
});
