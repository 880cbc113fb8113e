/** Server-sent events of the control room: what they carry, and that no listener costs another anything. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  endSchema,
  historySchema,
  snapshotSchema,
  troubleSchema,
  type Snapshot,
} from '#common/contracts/control-room';
import { redisKeys } from '#common/contracts/names';
import { createLogger } from '#common/logger';
import { EventStream } from '../../control/api/event-stream.ts';
import { Room, type RoomSources } from '../../control/api/room.ts';
import { EventListener } from './event-listener.ts';
import { call, SchedulerBench, TOKEN, type TestScheduler } from './scheduler-harness.ts';

describe('the room of a scheduler', () => {
  let bench: SchedulerBench;
  let scheduler: TestScheduler;
  const bearer = { authorization: `Bearer ${TOKEN}` };

  beforeAll(async () => {
    bench = await SchedulerBench.open();
    scheduler = await bench.start();
  });
  afterAll(async () => {
    await scheduler.close();
    await bench.close();
  });

  const snapshotThat = async (
    listener: EventListener,
    isSo: (snapshot: Snapshot) => boolean,
  ): Promise<Snapshot> => {
    for (;;) {
      const snapshot = snapshotSchema.parse(await listener.next('snapshot'));
      if (isSo(snapshot)) {
        return snapshot;
      }
    }
  };
  const beat = (id: string, service: string, at: number, detail: object): Promise<number> => {
    const record = { id, service, url: 'http://127.0.0.1:1', pid: 1, ready: true };
    const whole = { ...record, startedAt: 1, at, detail };
    return bench.redis.hset(redisKeys.services, id, JSON.stringify(whole));
  };

  test('tells of channels, workers, queues and edges as their sources do', async () => {
    const listener = await EventListener.open(`${scheduler.url}/v1/events`, bearer);
    expect(listener.headers['content-type']).toContain('text/event-stream');
    expect(historySchema.parse(await listener.next('history'))).toEqual({});
    await call(scheduler, 'POST', '/v1/channels', { id: 'final', name: 'Cup final' });
    const now = Date.now();
    await beat('w-1', 'transcoder', now, {
      task: 'cup-2-897000001',
      done: 7,
      failed: 2,
      taskMs: 1_250,
      speed: 1.6,
    });
    await beat('in-1', 'ingest', now, { rtmpPort: 1935 });
    const counters = { url: 'http://edge.example', hits: 100, misses: 20 };
    await beat('edge-1', 'edge', now - 2_000, { ...counters, requests: 120, bytesSent: 1_000_000 });
    await snapshotThat(listener, ({ edges }) => edges[0]?.hits === 100);
    await beat('edge-1', 'edge', now, {
      ...counters,
      hits: 190,
      misses: 30,
      requests: 220,
      bytesSent: 3_500_000,
    });
    await bench.transcode.add('task', {}, { timestamp: now - 60_000, delay: 3_600_000 });

    const snapshot = await snapshotThat(
      listener,
      ({ edges, queues }) => edges[0]?.hits === 190 && queues[1]?.delayed === 1,
    );
    expect(snapshot.channels.map(({ channel }) => channel.id)).toContain('final');
    expect(JSON.stringify(snapshot)).not.toContain('streamKeyHash');
    expect(snapshot.missing).toContain('aggregator');
    expect(snapshot.rtmpUrl).toBe('rtmp://127.0.0.1:1935/live');
    expect(snapshot.workers).toMatchObject([
      {
        id: 'w-1',
        state: 'working',
        task: { channel: 'cup-2', n: 897_000_001 },
        done: 7,
        failed: 2,
        taskMs: 1_250,
        speed: 1.6,
      },
    ]);
    expect(snapshot.edges).toMatchObject([
      {
        id: 'edge-1',
        publicUrl: 'http://edge.example',
        hitRatio: 0.9,
        requestsPerSecond: 50,
        bitsPerSecond: 10_000_000,
      },
    ]);
    const transcode = snapshot.queues.find(({ name }) => name === 'transcode');
    expect(transcode).toMatchObject({ waiting: 0, active: 0, delayed: 1, failed: 0 });
    expect(transcode?.oldestMs).toBeGreaterThanOrEqual(60_000);

    const listed = await call(scheduler, 'GET', '/v1/workers');
    expect(listed.body).toMatchObject({ workers: [{ id: 'w-1', done: 7, speed: 1.6 }] });
    const edges = await call(scheduler, 'GET', '/v1/edges');
    expect(edges.body).toMatchObject({ edges: [{ id: 'edge-1', hitRatio: 0.9 }] });
    listener.close();
  });

  test('has the last minutes of a channel for whoever comes later', async () => {
    const broadcast = {
      channel: 'final',
      broadcast: 897_000_000,
      fps: '30',
      renditions: [],
      dvrSeconds: 60,
      startedAt: 5,
      last: null,
    };
    const feed = {
      slot: 'primary',
      connected: true,
      session: 's',
      at: bench.clock.now() + 3_600_000,
      bitrateBps: 6_100_000,
      fps: 29.97,
      keyframeSeconds: 2,
      width: 1280,
      height: 720,
      encoder: 'obs',
      warnings: [],
    };
    await bench.redis.hset('scheduler:air', 'final', JSON.stringify(broadcast));
    await bench.redis.hset(redisKeys.feeds, 'final', JSON.stringify(feed));
    const first = await EventListener.open(`${scheduler.url}/v1/events`, bearer);
    const { channels } = await snapshotThat(first, (snapshot) =>
      snapshot.channels.some(({ status }) => status.onAir),
    );
    expect(channels.find(({ channel }) => channel.id === 'final')).toMatchObject({ startedAt: 5 });
    const second = await EventListener.open(`${scheduler.url}/v1/events`, bearer);
    const history = historySchema.parse(await second.next('history'));
    expect(history['final']?.at(-1)).toMatchObject({
      bitrateBps: 6_100_000,
      fps: 29.97,
      keyframeSeconds: 2,
      lagMs: {},
    });
    await bench.redis.hdel('scheduler:air', 'final');
    first.close();
    second.close();
  });

  test('is told no more to a session that was logged out, by any scheduler or after a restart', async () => {
    const second = await bench.start();
    const login = await fetch(`${scheduler.url}/login`, {
      method: 'POST',
      body: new URLSearchParams({ token: TOKEN }),
      redirect: 'manual',
    });
    const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
    const statusAt = async ({ url }: { url: string }): Promise<number> =>
      (await fetch(`${url}/v1/openapi.json`, { headers: { cookie } })).status;
    expect(await statusAt(second)).toBe(200);
    const listener = await EventListener.open(`${scheduler.url}/v1/events`, { cookie });
    const elsewhere = await EventListener.open(`${second.url}/v1/events`, { cookie });
    const other = await EventListener.open(`${scheduler.url}/v1/events`, bearer);
    await listener.next('snapshot');
    const headers = { cookie, 'sec-fetch-site': 'same-origin' };
    await fetch(`${scheduler.url}/logout`, { method: 'POST', headers, redirect: 'manual' });
    expect(endSchema.parse(await listener.next('end'))).toEqual({ reason: 'logout' });
    expect(await elsewhere.next('end')).toEqual({ reason: 'logout' });
    await Promise.all([listener.over(), elsewhere.over()]);
    await other.next('snapshot');
    other.close();
    expect(await statusAt(scheduler)).toBe(401);
    expect(await statusAt(second)).toBe(401);
    await second.close();
    const restarted = await bench.start();
    expect(await statusAt(restarted)).toBe(401);
    await restarted.close();
  });
});

describe('a stream of events', () => {
  const logger = createLogger('test', 'silent');
  let server: Server;
  let url: string;
  let events: EventStream;
  let refused: number;
  let until: number | undefined;

  beforeEach(async () => {
    refused = 0;
    until = undefined;
    events = new EventStream();
    server = createServer((_request, response) => {
      if (!events.hasRoom) {
        refused += 1;
        response.writeHead(503).end();
        return;
      }
      const session = until === undefined ? undefined : { id: 'one', until };
      events.open(response, ['event: first\ndata: 1\n\n'], session, Date.now());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    await events.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('has a hundred listeners and refuses a tenfold of them', async () => {
    const listeners: EventListener[] = [];
    for (let batch = 0; batch < 20; batch += 1) {
      const opened = Array.from({ length: 50 }, () => EventListener.open(url));
      listeners.push(...(await Promise.all(opened)));
    }
    expect([events.size, refused]).toEqual([100, 900]);
    events.publish('event: word\ndata: 2\n\n');
    const heard = listeners.filter(({ status }) => status === 200);
    await Promise.all(heard.map((listener) => listener.next('word')));
    listeners.forEach((listener) => {
      listener.close();
    });
    while (events.size > 0) {
      await new Promise(setImmediate);
    }
    const again = await EventListener.open(url);
    expect(again.status).toBe(200);
    expect(again.text).toContain('retry: 1000');
  });

  test('lets go of a listener that takes nothing, and nobody else notices', async () => {
    const slow = await EventListener.open(url);
    const quick = await EventListener.open(url);
    await slow.next('first');
    slow.stall();
    const filler = 'x'.repeat(256 * 1024);
    let sent = 0;
    // Ten times what may wait, besides what the system's own buffers take.
    while (events.size === 2) {
      sent += 1;
      events.publish(`event: much\ndata: {"at":${sent},"filler":"${filler}"}\n\n`);
      expect(await quick.next('much')).toMatchObject({ at: sent });
      expect(sent).toBeLessThan(200);
    }
    expect(events.size).toBe(1);
    events.publish('event: word\ndata: 2\n\n');
    expect(await quick.next('word')).toBe(2);
  });

  test('ends with its session', async () => {
    until = Date.now() + 50;
    const listener = await EventListener.open(url);
    expect(await listener.next('end')).toEqual({ reason: 'expired' });
    await listener.over();
    expect(events.size).toBe(0);
  });

  test('is gathered once for all, and says so when a source is away', async () => {
    let asked = 0;
    let isAway = false;
    const none = (): Promise<never[]> => Promise.resolve([]);
    const sources: RoomSources = {
      now: Date.now,
      channels: () => {
        asked += 1;
        return isAway ? Promise.reject(new Error('away')) : Promise.resolve([]);
      },
      queues: none,
      services: none,
      missing: none,
      edges: () => [],
    };
    const room = new Room(sources, logger);
    await events.close();
    events = room.events;
    const listeners = await Promise.all(Array.from({ length: 20 }, () => EventListener.open(url)));
    const before = asked;
    await Promise.all(listeners.map((listener) => listener.next('snapshot')));
    await Promise.all(listeners.map((listener) => listener.next('snapshot')));
    expect(asked - before).toBeLessThanOrEqual(3);
    isAway = true;
    const told = await Promise.all(listeners.map((listener) => listener.next('trouble')));
    expect(troubleSchema.parse(told[0]).message).toContain('stand still');
    isAway = false;
    await Promise.all(listeners.map((listener) => listener.next('snapshot')));
    await room.close();
    await Promise.all(listeners.map((listener) => listener.over()));
  });
});
