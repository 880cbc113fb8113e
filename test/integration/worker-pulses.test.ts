import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createClock } from '#common/clock';
import { redisKeys } from '#common/contracts/names';
import { createLogger } from '#common/logger';
import { connectRedis, type Redis } from '#common/redis';
import { openStreamFollower, type StreamFollower } from '#common/stream-follower';
import {
  followWorkerPulses,
  type Presence,
  type WorkerPulses,
} from '../../scheduler/leader/worker-pulses.ts';
import { eventually } from '../helpers/poll.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';

const logger = createLogger('test', 'silent');
let server: TestRedis;
let redis: Redis;
let reading: Redis;
let streams: StreamFollower;
let pulses: WorkerPulses;
let children: ChildProcess[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, 'test', logger);
  reading = connectRedis(server.url, 'reading', logger);
  streams = openStreamFollower({ redis, readRedis: reading, logger });
  pulses = followWorkerPulses({ streams, redis, clock: createClock(), logger });
});

afterAll(async () => {
  await pulses.close();
  await streams.close();
  redis.disconnect();
  reading.disconnect();
  await server.close();
});

afterEach(() => {
  for (const child of children) {
    child.kill('SIGKILL');
  }
  children = [];
});

const BEATING = fileURLToPath(new URL('../helpers/beating-main.ts', import.meta.url));

/** A process that beats, and whose main thread hangs once it is told so by a line. */
async function beating(worker: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', BEATING, server.url, worker], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(createInterface(child.stdout), 'line');
  return child;
}

/** Resolves after so many beats of any worker of this name. */
async function beats(worker: string, count: number): Promise<void> {
  const connection = connectRedis(server.url, 'beats', logger);
  let left = count;
  await new Promise<void>((resolve) => {
    connection.on('message', (_channel, id) => {
      left -= id === worker ? 1 : 0;
      if (left === 0) {
        resolve();
      }
    });
    void connection.subscribe(redisKeys.workerBeats);
  });
  connection.disconnect();
}

const pulse = (worker: string): Promise<unknown> =>
  redis.xadd(redisKeys.workerPulses, '*', 'w', worker);

async function present(worker: string): Promise<Redis> {
  const connection = connectRedis(server.url, 'presence', logger);
  await connection.subscribe(redisKeys.workerPresence(worker));
  return connection;
}

const found = (worker: string, presence: Presence): Promise<true> =>
  eventually(`${worker} ${presence}`, () =>
    Promise.resolve(pulses.presence(worker) === presence ? true : undefined),
  );

test('a worker whose connection has ended is gone, is told of once, and may come again', async () => {
  const first = await present('a');
  await pulse('a');
  await found('a', 'there');
  expect(pulses.lastHeard('a')).toBeDefined();
  let told = 0;
  const stop = pulses.onAway(() => {
    told += 1;
  });
  first.disconnect();
  await found('a', 'gone');
  expect(told).toBe(1);
  // A sign of life that was under way when it died.
  await pulse('a');
  const second = await present('a');
  await found('a', 'there');
  second.disconnect();
  await found('a', 'gone');
  expect(told).toBe(2);
  stop();
});

test('one that was never seen to be there is not gone', async () => {
  await pulse('unseen');
  // It is looked for together with one that goes.
  const other = await present('other');
  await pulse('other');
  await found('other', 'there');
  other.disconnect();
  await found('other', 'gone');
  expect(pulses.lastHeard('unseen')).toBeDefined();
  expect(pulses.presence('unseen')).toBeUndefined();
});

test('one whose process is stopped stands still, is told of once, and goes on when it beats again', async () => {
  const child = await beating('frozen');
  await beats('frozen', 1);
  await found('frozen', 'there');
  let told = 0;
  const stop = pulses.onAway(() => {
    told += 1;
  });
  child.kill('SIGSTOP');
  await found('frozen', 'stopped');
  child.kill('SIGCONT');
  await found('frozen', 'there');
  expect(told).toBe(1);
  child.kill('SIGSTOP');
  await found('frozen', 'stopped');
  child.kill('SIGKILL');
  await found('frozen', 'gone');
  stop();
});

test('one whose main thread hangs beats on', async () => {
  const child = await beating('hanging');
  await beats('hanging', 1);
  await found('hanging', 'there');
  const seen = new Set<Presence>();
  const stop = pulses.onAway(() => {
    seen.add(pulses.presence('hanging'));
  });
  child.stdin?.write('hang\n');
  await beats('hanging', 20);
  expect([...seen]).toEqual([]);
  expect(pulses.presence('hanging')).toBe('there');
  stop();
});

test('nobody stands still while Redis does, nor while the way to it is gone', async () => {
  await beating('waiting');
  await beats('waiting', 1);
  await found('waiting', 'there');
  let told = 0;
  const stop = pulses.onAway(() => {
    told += 1;
  });
  await redis.eval('for i = 1, 100000000 do end', 0);
  const clients = String(await redis.call('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('\n');
  const own = clients.find((client) => client.includes('name=scheduler:beats '));
  await redis.call('CLIENT', 'KILL', 'ID', /\bid=(\d+)/.exec(own ?? '')?.[1] ?? '');
  await beats('waiting', 20);
  expect(told).toBe(0);
  expect(pulses.presence('waiting')).toBe('there');
  stop();
});

test('to a leader that has seen nobody yet, those without a connection are absent', async () => {
  const there = await present('new-there');
  expect(await pulses.absent(['new-there', 'new-dead'])).toEqual(new Set(['new-dead']));
  expect(pulses.presence('new-there')).toBe('there');
  // One that was seen is looked for as all are, and not asked for again.
  there.disconnect();
  await found('new-there', 'gone');
  expect(await pulses.absent(['new-there'])).toEqual(new Set());
});

test('nobody has gone when it was Redis that went', async () => {
  const worker = await present('stays');
  // It finds Redis again later than whoever looks for it.
  worker.options.retryStrategy = () => null;
  await pulse('stays');
  await found('stays', 'there');
  const seen: Presence[] = [];
  const stop = pulses.onAway(() => {
    seen.push(pulses.presence('stays'));
  });
  await server.restart();
  await pulse('other');
  await eventually('Redis to be asked again', async () =>
    (await pulses.absent(['stays'])).has('stays') ? true : undefined,
  );
  await worker.connect();
  await found('stays', 'there');
  expect(seen).toEqual([]);
  worker.disconnect();
  stop();
});
