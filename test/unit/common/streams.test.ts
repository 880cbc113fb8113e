import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { appendMarks, appendToLog, leaseValue, readLog } from '#common/channel-log';
import type { CodedFrame } from '#common/contracts/frame';
import type { IngestEntry } from '#common/contracts/log';
import { redisKeys } from '#common/contracts/names';
import { appendHotFrame, readHotFrames, trimHotFrames } from '#common/hot-frames';
import { appendHotSegment, readHotSegment } from '#common/hot-segments';
import { createLogger } from '#common/logger';
import { connectRedis, execute, type Redis } from '#common/redis';
import { frameIndex, samplePosition, segmentNumber } from '#common/time';
import { startRedis, type TestRedis } from '../../helpers/redis-server.ts';

let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, 'test', createLogger('test', 'silent'));
});

afterAll(async () => {
  redis.disconnect();
  await server.close();
});

beforeEach(async () => {
  await redis.flushall();
});

const video = (seq: number): CodedFrame => ({
  kind: 'video',
  seq,
  index: frameIndex(53_850_007_380 + seq),
  dts: 161_550_022_140_000 + 3000 * seq,
  flags: seq === 0 ? 3 : 0,
  data: Buffer.from([0, 255, 10, 13, seq]),
});

describe('the channel log', () => {
  const end = { t: 'end', session: 's1', clean: true, at: 1 } as const;

  test('is read in order, over several channels at once', async () => {
    const pipeline = redis.pipeline();
    appendToLog(pipeline, 'a', { ...end, at: 1 });
    appendToLog(pipeline, 'a', { ...end, at: 2 });
    appendToLog(pipeline, 'b', { ...end, at: 3 });
    await execute(pipeline);
    const after = new Map([
      ['a', '0'],
      ['b', '0'],
      ['c', '0'],
    ]);
    const news = await readLog(redis, after, { blockMs: 10, count: 100 });
    expect(news.get('a')?.map(({ entry }) => entry)).toMatchObject([{ at: 1 }, { at: 2 }]);
    expect(news.get('b')).toHaveLength(1);
    expect(news.has('c')).toBe(false);
  });

  test('keeps coded frames as rows of numbers, which are read with their names', async () => {
    const place = frameIndex(53_850_007_380);
    const origin = samplePosition(86_160_011_808_123);
    const chunk = segmentNumber(897_500_123);
    const entry: IngestEntry = {
      t: 'frames',
      session: 's1',
      v: [{ seq: 4, index: place, chunk, bytes: 900, flags: 3 }],
      a: [{ seq: 5, origin, k: 7, rate: 44_100, channels: 1, chunk, bytes: 300 }],
    };
    const pipeline = redis.pipeline();
    appendToLog(pipeline, 'a', entry);
    await execute(pipeline);
    const entries = await redis.xrange(redisKeys.log('a'), '-', '+');
    expect(entries.flatMap(([, fields]) => fields)).toEqual([
      'e',
      '{"t":"frames","session":"s1","v":[[4,53850007380,897500123,900,3]],"a":[[5,86160011808123,7,44100,1,897500123,300]]}',
    ]);
    const news = await readLog(redis, new Map([['a', '0']]), { blockMs: 10, count: 1 });
    expect(news.get('a')?.map((record) => record.entry)).toEqual([entry]);
  });

  test('takes marks from the leader only', async () => {
    const lease = { epoch: 3, holder: 'me' };
    const mark = { t: 'picture-closed', epoch: 3, frame: frameIndex(60) } as const;
    await redis.set(redisKeys.lease, leaseValue(lease));
    await appendMarks(redis, 'a', lease, [mark]);
    await redis.set(redisKeys.lease, '4:other');
    await expect(appendMarks(redis, 'a', lease, [mark])).rejects.toMatchObject({
      code: 'LEASE_LOST',
    });
    expect(await redis.xlen(redisKeys.log('a'))).toBe(1);
  });
});

describe('hot frames', () => {
  test('come back as they were sent, a range at a time', async () => {
    const audio: CodedFrame = {
      kind: 'audio',
      seq: 1,
      origin: samplePosition(86_160_011_808_123),
      k: 7,
      rate: 44_100,
      channels: 1,
      config: Buffer.from([0x12, 0x08]),
      data: Buffer.from([1, 2, 3]),
    };
    const frames = [video(0), audio, video(2), video(3)];
    const pipeline = redis.pipeline();
    for (const frame of frames) {
      appendHotFrame(pipeline, 'a', 's', frame);
    }
    await execute(pipeline);
    expect(await readHotFrames(redis, 'a', 's', 0, 2)).toEqual(frames.slice(0, 3));
  });

  test('are dropped from the old end', async () => {
    const pipeline = redis.pipeline();
    for (let seq = 0; seq < 1000; seq += 1) {
      appendHotFrame(pipeline, 'a', 's', video(seq));
    }
    trimHotFrames(pipeline, 'a', 's', 900);
    await execute(pipeline);
    expect(await redis.xlen(redisKeys.hotFrames('a', 's'))).toBeLessThan(250);
    expect(await readHotFrames(redis, 'a', 's', 900, 999)).toHaveLength(100);
  });
});

test('an init segment that is kept does not keep the segment that came with it', async () => {
  const segment = {
    n: segmentNumber(1),
    init: Buffer.alloc(600, 1),
    data: Buffer.alloc(40_000, 2),
  };
  const id = await appendHotSegment(redis, 'a', 'a128', segment);
  const read = await readHotSegment(redis, 'a', 'a128', id);
  expect(read?.init.equals(segment.init)).toBe(true);
  expect(read?.init.buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize);
});

test('hot segments are found by their entry and bounded in number', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 80; n += 1) {
    const segment = {
      n: segmentNumber(n),
      init: Buffer.from('init'),
      data: Buffer.from(`data ${n}`),
    };
    ids.push(await appendHotSegment(redis, 'a', 'v360', segment));
  }
  expect(await readHotSegment(redis, 'a', 'v360', ids[0] ?? '')).toBeUndefined();
  const last = await readHotSegment(redis, 'a', 'v360', ids[79] ?? '');
  expect(last?.n).toBe(79);
  expect(last?.data.toString()).toBe('data 79');
  expect(await redis.xlen(redisKeys.hotSegments('a', 'v360'))).toBeLessThanOrEqual(8);
});
