import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClock } from '#common/clock';
import { redisKeys } from '#common/contracts/names';
import { createLogger } from '#common/logger';
import { connectRedis, type Redis } from '#common/redis';
import { openStreamFollower, type StreamFollower } from '#common/stream-follower';
import { followWorkerPulses, type WorkerPulses } from '../../scheduler/leader/worker-pulses.ts';
import { eventually } from '../helpers/poll.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';

const logger = createLogger('test', 'silent');
let server: TestRedis;
let redis: Redis;
let reading: Redis;
let streams: StreamFollower;
let pulses: WorkerPulses;

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

const pulse = (worker: string): Promise<unknown> =>
  redis.xadd(redisKeys.workerPulses, '*', 'w', worker);

async function present(worker: string): Promise<Redis> {
  const connection = connectRedis(server.url, 'presence', logger);
  await connection.subscribe(redisKeys.workerPresence(worker));
  return connection;
}

const found = (worker: string, presence: 'there' | 'gone'): Promise<true> =>
  eventually(`${worker} ${presence}`, () =>
    Promise.resolve(pulses.presence(worker) === presence ? true : undefined),
  );

test('a worker whose connection has ended is gone, is told of once, and may come again', async () => {
  const first = await present('a');
  await pulse('a');
  await found('a', 'there');
  expect(pulses.lastHeard('a')).toBeDefined();
  let told = 0;
  const stop = pulses.onGone(() => {
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
