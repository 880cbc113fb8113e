import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { QUEUES } from '#common/contracts/names';
import { taskSchema, type Task } from '#common/contracts/task';
import { PipelineError } from '#common/errors';
import { createLogger } from '#common/logger';
import { openWorker } from '#common/queues';
import { connectRedis, type Redis } from '#common/redis';
import { noteFiller, readFillers } from '#common/fillers';
import { frameIndex, milliseconds, segmentNumber } from '#common/time';
import { openTranscodeQueue } from '../../scheduler/leader/transcode-queue.ts';
import { eventually } from '../helpers/poll.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';

const logger = createLogger('test', 'silent');
let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, 'test', logger);
});
afterAll(async () => {
  redis.disconnect();
  await server.close();
});

const task: Task = {
  channel: 'final',
  broadcast: segmentNumber(100),
  n: segmentNumber(123),
  fps: '30',
  profile: 'standard',
  hash: 'h',
  deadline: milliseconds(0),
  renditions: [{ kind: 'audio', id: 'a64', bitrateBps: 64_000, codecs: 'mp4a.40.2' }],
  video: [
    {
      kind: 'session',
      session: 's',
      fromSeq: 0,
      toSeq: 9,
      fromChunk: segmentNumber(1),
      toChunk: segmentNumber(1),
      from: frameIndex(7380),
      to: frameIndex(7440),
      late: [],
    },
  ],
  sound: [],
};

describe('a segment whose media no worker can make', () => {
  test('becomes filler, and the status can say which and why', async () => {
    const queue = await openTranscodeQueue(redis, logger);
    const filled: Task[] = [];
    const connection = connectRedis(server.url, 'worker', logger);
    const worker = openWorker(
      QUEUES.transcode,
      connection,
      logger,
      taskSchema,
      (taken) => {
        if (taken.video[0]?.kind !== 'slate') {
          throw new PipelineError('BAD_MEDIA', `NAL unit at 0 does not fit ${'x'.repeat(4000)}`);
        }
        filled.push(taken);
        return Promise.resolve();
      },
      { concurrency: 1 },
    );
    try {
      await queue.add(task);
      const fillers = await eventually('the note', async () => {
        const notes = await readFillers(redis, 'final');
        return notes.length > 0 && filled.length > 0 ? notes : undefined;
      });
      expect(fillers).toEqual([{ n: 123, reason: expect.stringMatching(/^NAL unit at 0 does/) }]);
      expect(fillers[0]?.reason.length).toBeLessThanOrEqual(200);
      expect(filled).toMatchObject([{ n: 123, video: [{ kind: 'slate' }], sound: [] }]);
    } finally {
      await worker.close();
      await queue.close();
      connection.disconnect();
    }
  });

  test('is noted in bounded number, however many there are', async () => {
    for (let n = 0; n < 300; n += 1) {
      await noteFiller(redis, 'poison', { n: segmentNumber(n), reason: 'x' });
    }
    const notes = await readFillers(redis, 'poison');
    expect(notes.map(({ n }) => n)).toEqual(Array.from({ length: 30 }, (_, i) => 299 - i));
    await redis.lpush('fillers:{poison}', 'no JSON', '{"n":-1}');
    expect(await readFillers(redis, 'poison')).toHaveLength(30);
  });
});
