import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { QUEUES } from '#common/contracts/names';
import { segmentJobSchema, type Result } from '#common/contracts/segment';
import { taskSchema, type Task } from '#common/contracts/task';
import { PipelineError } from '#common/errors';
import { createLogger } from '#common/logger';
import { openQueue, openWorker } from '#common/queues';
import { connectRedis, type Redis } from '#common/redis';
import { frameIndex, milliseconds, segmentNumber } from '#common/time';
import { openTranscodeQueue } from '../../scheduler/leader/transcode-queue.ts';
import { planFiller } from '../../scheduler/plan/plan.ts';
import { locateProgram } from '../../transcoder/ffmpeg/fingerprint.ts';
import { eventually } from '../helpers/poll.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { codedFrames, codedTask, putHot } from './coded-task.ts';
import { LADDER, SEGMENT } from './transcoder-harness.ts';

const logger = createLogger('test', 'silent');
const WORKER = fileURLToPath(new URL('../../dist/transcoder/main.js', import.meta.url));

let server: TestRedis;
let redis: Redis;
let folder: string;

beforeEach(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, 'test', logger);
  folder = await mkdtemp(path.join(tmpdir(), 'touchline-queue-'));
});

afterEach(async () => {
  redis.disconnect();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

function slateTask(channel: string, n: number): Task {
  return planFiller({
    channel,
    broadcast: segmentNumber(SEGMENT),
    n: segmentNumber(n),
    fps: '30',
    profile: 'standard',
    hash: '',
    deadline: milliseconds(0),
    renditions: [...LADDER],
    video: [{ kind: 'slate', from: frameIndex(0) }],
    sound: [],
  });
}

/** An ffmpeg whose decoding of a publisher's sound ends the worker that asked for it. */
async function deadlyFfmpeg(): Promise<string> {
  const file = path.join(folder, 'ffmpeg');
  const script = [
    '#!/bin/sh',
    `case "$*" in *':a:0]'*adts*) kill -9 $PPID; exit 1;; esac`,
    `exec ${await locateProgram('ffmpeg')} "$@"`,
  ];
  await writeFile(file, `${script.join('\n')}\n`);
  await chmod(file, 0o755);
  return file;
}

/** Where work stands still until it is told to go on. */
class Gate {
  reach: () => void = () => undefined;
  open: () => void = () => undefined;
  readonly reached = new Promise<void>((resolve) => {
    this.reach = resolve;
  });
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

describe('the transcode queue', () => {
  test('is fair: a backlog of 100 delays the next task of another channel by at most one task', async () => {
    const queue = await openTranscodeQueue(redis, logger);
    const done: string[] = [];
    // The worker stands still at its first task and with half of the backlog gone, so that what is added then finds
    // exactly one task under way.
    const gates = new Map([0, 50].map((count) => [count, new Gate()]));
    const connection = connectRedis(server.url, 'worker', logger);
    const worker = openWorker(
      QUEUES.transcode,
      connection,
      logger,
      taskSchema,
      async (task) => {
        const gate = gates.get(done.length);
        gate?.reach();
        await gate?.opened;
        done.push(`${task.channel} ${task.n}`);
      },
      { concurrency: 1 },
    );
    for (let n = 1; n <= 100; n += 1) {
      await queue.add(slateTask('behind', n));
    }
    await queue.add(slateTask('live', 1));
    await queue.add(slateTask('live', 2));
    gates.get(0)?.open();
    await gates.get(50)?.reached;
    expect(done.indexOf('live 1')).toBeLessThanOrEqual(1);
    expect(done.indexOf('live 2')).toBeLessThanOrEqual(3);
    await queue.add(slateTask('live', 3));
    gates.get(50)?.open();
    await eventually('the third live task', () =>
      Promise.resolve(done.includes('live 3') ? true : undefined),
    );
    expect(done.indexOf('live 3')).toBe(51);
    await worker.close();
    connection.disconnect();
    await queue.close();
  }, 30_000);

  test.each([
    ['BAD_MEDIA', 1],
    ['ENCODER_FAILED', 3],
  ] as const)(
    'tries a task that fails with %s %i times before it becomes filler',
    async (code, tries) => {
      const queue = await openTranscodeQueue(redis, logger);
      const connection = connectRedis(server.url, 'worker', logger);
      const taken: string[] = [];
      const worker = openWorker(
        QUEUES.transcode,
        connection,
        logger,
        taskSchema,
        (task, job) => {
          taken.push(job.name);
          return job.name === 'filler'
            ? Promise.resolve()
            : Promise.reject(new PipelineError(code, `no picture of ${task.n}`));
        },
        { concurrency: 1 },
      );
      await queue.add(slateTask('bad', 1));
      await eventually('the filler', () =>
        Promise.resolve(taken.includes('filler') ? true : undefined),
      );
      expect(taken).toEqual([...Array.from({ length: tries }, () => 'segment'), 'filler']);
      await worker.close();
      connection.disconnect();
      await queue.close();
    },
  );

  test('turns a task that kills every worker into filler after four deaths', async () => {
    const frames = await codedFrames();
    await putHot(redis, 'poison', frames);
    const results = openQueue(QUEUES.segments, redis, logger);
    const queue = await openTranscodeQueue(redis, logger);
    const env = {
      PATH: process.env['PATH'] ?? '',
      REDIS_URL: server.url,
      DATA_DIR: folder,
      FFMPEG: await deadlyFfmpeg(),
      LOG_LEVEL: 'warn',
    };
    let deaths = 0;
    let isOver = false;
    let running: ChildProcess | undefined;
    const supervised = (async () => {
      while (!isOver) {
        running = spawn(process.execPath, [WORKER], { env, stdio: 'ignore' });
        const [, signal] = (await once(running, 'exit')) as [number | null, string | null];
        deaths += signal === 'SIGKILL' ? 1 : 0;
      }
    })();
    const task = codedTask('poison', frames);
    await queue.add(task);
    try {
      const result = await eventually('the filler', () => doneOf(results), { timeoutMs: 45_000 });
      expect(result.taskHash).toBe(planFiller(task).hash);
    } finally {
      // Without a result, too: workers would be started for ever.
      isOver = true;
      running?.kill('SIGTERM');
      await supervised;
    }
    expect(deaths).toBe(4);
    expect(queue.unfinished().size).toBe(0);
    await queue.close();
    await results.close();
  }, 60_000);
});

async function doneOf(results: ReturnType<typeof openQueue>): Promise<Result | undefined> {
  for (const job of await results.getJobs(['waiting', 'prioritized'])) {
    const data = segmentJobSchema.parse(job.data);
    if (data.type === 'done') {
      return data.result;
    }
  }
  return undefined;
}

test('what is owed is made after everything else, is no task of live work, and never becomes filler', async () => {
  const queue = await openTranscodeQueue(redis, logger);
  await queue.addOwed(slateTask('owing', SEGMENT));
  await queue.add(slateTask('live', SEGMENT));
  await queue.add(slateTask('live', SEGMENT + 1));
  expect([queue.isOwedOpen('owing', SEGMENT), queue.isOpen('owing', SEGMENT)]).toEqual([
    true,
    false,
  ]);
  expect([...queue.unfinished().keys()]).toEqual(['live']);
  const taken: string[] = [];
  const connection = connectRedis(server.url, 'worker', logger);
  const worker = openWorker(
    QUEUES.transcode,
    connection,
    logger,
    taskSchema,
    (task, job) => {
      taken.push(`${job.name} ${task.channel}`);
      return task.channel === 'live'
        ? Promise.resolve()
        : Promise.reject(new PipelineError('BAD_MEDIA', 'its raw chunks are gone'));
    },
    { concurrency: 1 },
  );
  const over = (): Promise<true> =>
    eventually('the owed task to be over', () =>
      Promise.resolve(queue.isOwedOpen('owing', SEGMENT) ? undefined : true),
    );
  await over();
  expect(taken.slice(0, 3)).toEqual(['segment live', 'segment live', 'owed owing']);
  const { length } = taken;
  await eventually('it to be let go', async () => {
    const jobs = openQueue(QUEUES.transcode, redis, logger);
    const job = await jobs.getJob(`owing-${SEGMENT}-owed`);
    await jobs.close();
    return job === undefined ? true : undefined;
  });
  await queue.addOwed(slateTask('owing', SEGMENT));
  await over();
  expect(taken.length).toBeGreaterThan(length);
  expect(taken.some((name) => name.startsWith('filler'))).toBe(false);
  await worker.close();
  connection.disconnect();
  await queue.close();
});
