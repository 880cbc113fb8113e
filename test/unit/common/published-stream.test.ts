import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { redisKeys } from '#common/contracts/names';
import type { Published } from '#common/contracts/segment';
import { createLogger } from '#common/logger';
import {
  appendPublished,
  readNewestPublished,
  readPublished,
  REMEMBERED_SECONDS,
} from '#common/published-stream';
import { connectRedis, execute, type Redis } from '#common/redis';
import { milliseconds, segmentNumber } from '#common/time';
import { startRedis } from '../../helpers/redis-server.ts';

let redis: Redis;
let closeRedis: () => Promise<void>;

beforeAll(async () => {
  const server = await startRedis();
  redis = connectRedis(server.url, 'test', createLogger('test', 'silent'));
  closeRedis = () => server.close();
});

afterAll(async () => {
  redis.disconnect();
  await closeRedis();
});

const segment = (n: number): Published => ({
  broadcast: segmentNumber(1),
  n: segmentNumber(n),
  at: milliseconds(n),
  fingerprint: 'f',
  taskHash: 't',
  renditions: [],
});

async function append(channel: string, numbers: readonly number[], kept = 10): Promise<void> {
  const pipeline = redis.pipeline();
  for (const n of numbers) {
    appendPublished(pipeline, channel, segment(n), kept);
  }
  await execute(pipeline);
}

describe('the stream of published segments', () => {
  test('gives back what was appended: all of it from the oldest, or the newest first', async () => {
    await append('a', [1, 2, 3]);
    expect(await readPublished(redis, 'a')).toEqual([1, 2, 3].map(segment));
    expect(await readNewestPublished(redis, 'a', 2)).toEqual([3, 2].map(segment));
    expect(await readPublished(redis, 'nothing')).toEqual([]);
  });

  test('leaves out what is no entry of ours', async () => {
    await append('b', [1]);
    await redis.xadd(redisKeys.published('b'), '*', 'e', '{"broadcast":1}');
    await redis.xadd(redisKeys.published('b'), '*', 'e', 'no JSON');
    await redis.xadd(redisKeys.published('b'), '*', 'x', '');
    await append('b', [2]);
    expect(await readPublished(redis, 'b')).toEqual([1, 2].map(segment));
    expect(await readNewestPublished(redis, 'b', 9)).toEqual([2, 1].map(segment));
  });

  test('keeps what is asked for, not ten times as much, and goes days after its last entry', async () => {
    const numbers = Array.from({ length: 2_000 }, (_, n) => n);
    await append('c', numbers, 200);
    const left = await redis.xlen(redisKeys.published('c'));
    expect(left).toBeGreaterThanOrEqual(200);
    // Redis trims whole nodes of at most 100 entries.
    expect(left).toBeLessThan(200 + 16 + 100);
    expect(await redis.ttl(redisKeys.published('c'))).toBeGreaterThan(REMEMBERED_SECONDS - 60);
  });
});
