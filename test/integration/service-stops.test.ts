/**
 * A service that is told to stop ends in time, and well, whatever it waits for.
 *
 * @takes-seconds 35
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { redisKeys } from '#common/contracts/names';
import { createLogger } from '#common/logger';
import { connectRedis } from '#common/redis';
import { eventually } from '../helpers/poll.ts';
import { freePort, startRedis } from '../helpers/redis-server.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import { SERVICES } from '../helpers/service-settings.ts';
import { makeClip, play, STREAM_KEY, testChannel } from './ingest-harness.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let folder: string;
let started: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'touchline-service-'));
  started = [];
});
afterEach(() => {
  for (const child of started) {
    child.kill('SIGKILL');
  }
  rmSync(folder, { recursive: true });
});

interface Service {
  readonly output: () => string;
  /** Waits until it has said something. */
  readonly said: (text: string) => Promise<true>;
  /** Tells it to stop. @returns how it has ended */
  readonly stop: () => Promise<{ readonly code: unknown; readonly signal: unknown }>;
}

function start(service: string, settings: Readonly<Record<string, string>>): Service {
  const child = spawn(process.execPath, [`dist/${service}/main.js`], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      DATA_DIR: folder,
      ADMIN_TOKEN: 'a-token-for-tests-only',
      RTMP_PORT: '0',
      HTTP_PORT: '0',
      CONTROL_PORT: '0',
      ORIGIN_PORT: '0',
      ...settings,
    },
  });
  started.push(child);
  const exited = once(child, 'exit');
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  }
  return {
    output: () => text,
    said: (what) =>
      eventually(`${service} to say ${what}`, () => {
        if (child.exitCode !== null) {
          throw new Error(`${service} has ended: ${text}`);
        }
        return Promise.resolve(text.includes(what) ? true : undefined);
      }),
    stop: async () => {
      child.kill('SIGTERM');
      const [code, signal] = (await exited) as unknown[];
      expect(text).toContain('service stopped');
      return { code, signal };
    },
  };
}

describe('a service that is told to stop', () => {
  test.each(SERVICES)('ends while it waits for Redis: %s', async (name) => {
    const service = start(name, { REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    await service.said('redis is away');
    expect(await service.stop()).toEqual({ code: 0, signal: null });
  });

  test.each(SERVICES)('ends although Redis has gone: %s', async (name) => {
    const redis = await startRedis();
    const service = start(name, { REDIS_URL: redis.url });
    await service.said('service started');
    await redis.close();
    await service.said('redis is away');
    expect(await service.stop()).toEqual({ code: 0, signal: null });
  });

  test('ends although it is ingest, with a feed, and Redis has gone', async () => {
    const redis = await startRedis();
    const client = connectRedis(redis.url, 'test', createLogger('test', 'silent'));
    await client.hset(redisKeys.channels, 'main', JSON.stringify(testChannel('main')));
    const service = start('ingest', { REDIS_URL: redis.url });
    await service.said('service started');
    const port = Number(/"port":(\d+),"msg":"rtmp open"/.exec(service.output())?.[1]);
    const clip = await makeClip();
    const publisher = await RtmpPublisher.publish({ port, key: STREAM_KEY });
    await play(publisher, clip, 4);
    await service.said('session mapped to the grid');
    client.disconnect();
    await redis.close();
    await service.said('redis is away');
    const later = clip.map((tag) => ({ ...tag, timestamp: tag.timestamp + 4_000 }));
    await play(publisher, later, 1_000);
    expect(await service.stop()).toEqual({ code: 0, signal: null });
    expect(service.output()).toContain('frames given up');
    publisher.drop();
  });

  test('ends while it waits for a store that never answers', async () => {
    const redis = await startRedis();
    const sockets: Socket[] = [];
    const store = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
    });
    store.listen(0, '127.0.0.1');
    const asked = once(store, 'connection');
    await once(store, 'listening');
    const { port } = store.address() as AddressInfo;
    const service = start('control', {
      REDIS_URL: redis.url,
      S3_ENDPOINT: `http://127.0.0.1:${port}`,
      S3_ACCESS_KEY_ID: 'key',
      S3_SECRET_ACCESS_KEY: 'secret',
    });
    await asked;
    // A second signal changes nothing.
    const told = service.said('service stops').then(() => service.stop());
    expect(await service.stop()).toEqual({ code: 0, signal: null });
    await told;
    sockets.forEach((socket) => socket.destroy());
    store.close();
    await redis.close();
  });
});
