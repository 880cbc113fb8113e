import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { redisKeys } from '#common/contracts/names';
import { createLogger } from '#common/logger';
import { connectRedis, type Redis } from '#common/redis';
import { openChannelDirectory, type ChannelDirectory } from '#common/channel-directory';
import { eventually } from '../helpers/poll.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { testChannel } from './ingest-harness.ts';

const logger = createLogger('directory-test', 'silent');
let server: TestRedis;
let redis: Redis;
let subscriber: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, 'test', logger);
  subscriber = connectRedis(server.url, 'subscriber', logger);
});
afterAll(async () => {
  redis.disconnect();
  subscriber.disconnect();
  await server.close();
});
beforeEach(() => redis.flushall());

const store = (id: string, key: string): Promise<number> =>
  redis.hset(redisKeys.channels, id, JSON.stringify(testChannel(id, key)));

async function open(): Promise<{ directory: ChannelDirectory; changed: string[] }> {
  const changed: string[] = [];
  const directory = await openChannelDirectory({ redis, subscriber, logger, refreshMs: 20 });
  directory.watch((id) => changed.push(id));
  return { directory, changed };
}

/** Resolves once the directory has looked at the whole table so many times. */
async function looks(count: number): Promise<void> {
  const read = async (): Promise<number> =>
    Number(/cmdstat_hgetall:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
  const start = await read();
  await eventually('looks', async () => ((await read()) >= start + count ? true : undefined), {
    everyMs: 10,
  });
}

test('a Redis that was emptied takes no channel from the directory', async () => {
  await store('main', 'main-key');
  const { directory, changed } = await open();
  await redis.flushall();
  await looks(30);
  expect(directory.byKey('main-key')?.id).toBe('main');
  expect(changed).toEqual([]);
  await directory.close();
});

test('a channel that is missing among others is gone after a few looks, and one with a notice at once', async () => {
  await store('main', 'main-key');
  await store('other', 'other-key');
  await store('third', 'third-key');
  const { directory, changed } = await open();
  await redis.hdel(redisKeys.channels, 'main');
  await eventually('the change', () =>
    Promise.resolve(changed.includes('main') ? true : undefined),
  );
  expect(directory.byKey('main-key')).toBeUndefined();
  await redis.hdel(redisKeys.channels, 'other', 'third');
  await redis.publish(redisKeys.channelChanged, 'other');
  await eventually('the change', () =>
    Promise.resolve(changed.includes('other') ? true : undefined),
  );
  expect(directory.byKey('other-key')).toBeUndefined();
  expect(directory.byKey('third-key')?.id).toBe('third');
  await directory.close();
});

test('a key that two channels had belongs to the one that is left', async () => {
  await store('first', 'same');
  const { directory, changed } = await open();
  await store('second', 'same');
  await looks(3);
  await store('first', 'own');
  await eventually('the change', () =>
    Promise.resolve(changed.includes('first') ? true : undefined),
  );
  expect(directory.byKey('same')?.id).toBe('second');
  expect(directory.byKey('own')?.id).toBe('first');
  await directory.close();
});
