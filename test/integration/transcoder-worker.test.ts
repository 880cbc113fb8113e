import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Registry } from 'prom-client';
import { createClock } from '#common/clock';
import { parseConfig } from '#common/config';
import type { CodedFrame } from '#common/contracts/frame';
import { QUEUES, storeKeys } from '#common/contracts/names';
import { segmentJobSchema, type Made, type Result } from '#common/contracts/segment';
import type { Task } from '#common/contracts/task';
import { createHealthAnswer } from '#common/health';
import { readHotSegment } from '#common/hot-segments';
import { Lifecycle } from '#common/lifecycle';
import { createLogger } from '#common/logger';
import { openQueue, type Queue } from '#common/queues';
import { connectRedis, type Redis } from '#common/redis';
import { openFolderStore } from '#common/store/folder';
import type { ObjectStore } from '#common/store/store';
import { segmentNumber } from '#common/time';
import { transcoderSettings } from '../../transcoder/config.ts';
import { locateProgram } from '../../transcoder/ffmpeg/fingerprint.ts';
import { startTranscoder } from '../../transcoder/start.ts';
import { eventually } from '../helpers/poll.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { codedFrames, codedTask, putHot } from './coded-task.ts';
import { SEGMENT } from './transcoder-harness.ts';

const n = segmentNumber(SEGMENT);
const logger = createLogger('test', 'silent');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let server: TestRedis;
let redis: Redis;
let store: ObjectStore;
let folder: string;
let tasks: Queue;
let results: Queue;
let frames: CodedFrame[];

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, 'test', logger);
  folder = await mkdtemp(path.join(tmpdir(), 'touchline-worker-'));
  store = openFolderStore(path.join(folder, 'store'));
  tasks = openQueue(QUEUES.transcode, redis, logger);
  results = openQueue(QUEUES.segments, redis, logger);
  frames = await codedFrames();
});

afterAll(async () => {
  await tasks.close();
  await results.close();
  redis.disconnect();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** Puts frames as a raw chunk whose record says where each lies. */
async function putRaw(channel: string, chunk: number, some: readonly CodedFrame[]): Promise<void> {
  let offset = 100;
  const rows = some.map((frame) => {
    const row = { kind: frame.kind, seq: frame.seq, offset, size: frame.data.byteLength };
    offset += row.size;
    return frame.kind === 'video'
      ? {
          ...row,
          index: frame.index,
          dts: frame.dts,
          flags: frame.flags,
          source: { dts: 0, pts: 0, arrival: 0 },
        }
      : {
          ...row,
          origin: frame.origin,
          k: frame.k,
          rate: frame.rate,
          channels: frame.channels,
          config: Buffer.from(frame.config).toString('hex'),
          source: { dts: 0, arrival: 0 },
        };
  });
  const bytes = Buffer.concat([Buffer.alloc(100), ...some.map(({ data }) => data)]);
  const record = {
    channel,
    session: 'one',
    n: chunk,
    fps: '30',
    bytes: bytes.byteLength,
    sha256: sha256(bytes),
    frames: rows,
  };
  await store.put(storeKeys.rawChunk(channel, 'one', segmentNumber(chunk)), bytes);
  const key = storeKeys.rawRecord(channel, 'one', segmentNumber(chunk));
  await store.put(key, Buffer.from(JSON.stringify(record)));
}

async function withWorker<T>(
  settings: Readonly<Record<string, string>>,
  use: () => Promise<T>,
): Promise<T> {
  const config = parseConfig(transcoderSettings, settings);
  const connections: Redis[] = [];
  const metrics = new Registry();
  const lifecycle = new Lifecycle(logger);
  await startTranscoder({
    config,
    logger,
    redis,
    hotRedis: redis,
    store,
    metrics,
    clock: createClock(),
    connect: (name) => {
      const connection = connectRedis(server.url, name, logger);
      connections.push(connection);
      return connection;
    },
    connectHot: (name) => {
      const connection = connectRedis(server.url, name, logger);
      connections.push(connection);
      return connection;
    },
    lifecycle,
    id: config.WORKER_ID,
    setReady: () => undefined,
    stopping: new AbortController().signal,
    setDetail: () => undefined,
    health: createHealthAnswer(metrics, () => true),
  });
  try {
    return await use();
  } finally {
    await lifecycle.close();
    for (const connection of connections) {
      connection.disconnect();
    }
  }
}

async function runTask(task: Task): Promise<{ done: Result; stored: Result }> {
  await tasks.add('transcode', task, { jobId: `${task.channel}-${task.n}` });
  return eventually(`the results of ${task.channel}`, async () => {
    const found = new Map<string, Result>();
    for (const job of await results.getJobs(['waiting', 'prioritized'])) {
      const data = segmentJobSchema.parse(job.data);
      if (
        (data.type === 'done' || data.type === 'stored') &&
        data.result.channel === task.channel
      ) {
        found.set(data.type, data.result);
      }
    }
    const [done, stored] = [found.get('done'), found.get('stored')];
    return done && stored ? { done, stored } : undefined;
  });
}

const bytesOf = (made: readonly Made[]): unknown =>
  made.map(({ rendition, bytes, sha256: hash, initSha256 }) => [
    rendition,
    bytes,
    hash,
    initSha256,
  ]);

/** An ffmpeg that believes its CPU is twenty years old; x264 has to be told apart. */
async function oldCpu(): Promise<string> {
  const file = path.join(folder, 'ffmpeg-on-sse2');
  const script = [
    '#!/bin/sh',
    'for a do shift; case $a in keyint=*) a="asm=SSE2:$a";; esac; set -- "$@" "$a"; done',
    `exec ${await locateProgram('ffmpeg')} -cpuflags sse2 "$@"`,
  ];
  await writeFile(file, `${script.join('\n')}\n`);
  await chmod(file, 0o755);
  return process.arch === 'x64' ? file : 'ffmpeg';
}

describe('a worker', () => {
  let fromHot: Result;

  test('makes a task from the hot stream, tells, and stores what it told of', async () => {
    await putHot(redis, 'hot', frames);
    const { done, stored } = await withWorker({ WORKER_ID: 'first' }, () =>
      runTask(codedTask('hot', frames)),
    );
    fromHot = done;
    expect(stored).toEqual(done);
    expect(done).toMatchObject({ worker: 'first', taskHash: 'task-hash', n: SEGMENT });
    expect(done.made.map(({ rendition }) => rendition)).toEqual(['v180', 'v120', 'a96']);
    for (const made of done.made) {
      const hot = await readHotSegment(redis, 'hot', made.rendition, made.hotId);
      const object = await store.get(storeKeys.segment('hot', made.rendition, n));
      const init = await store.get(
        storeKeys.init('hot', made.rendition, made.initSha256.slice(0, 16)),
      );
      expect(sha256(hot?.data ?? Buffer.alloc(0))).toBe(made.sha256);
      expect(sha256(object ?? Buffer.alloc(0))).toBe(made.sha256);
      expect(object?.byteLength).toBe(made.bytes);
      expect(sha256(init ?? Buffer.alloc(0))).toBe(made.initSha256);
    }
    const preview = await store.get(storeKeys.preview('hot', n));
    expect(preview?.subarray(0, 3).toString('hex')).toBe('ffd8ff');
  }, 30_000);

  test('makes the same bytes from raw chunks, on another CPU', async () => {
    const half = Math.floor(frames.length / 2);
    await putRaw('raw', 7, frames.slice(0, half));
    await putRaw('raw', 8, frames.slice(half));
    const settings = { WORKER_ID: 'second', FFMPEG: await oldCpu() };
    const { done } = await withWorker(settings, () => runTask(codedTask('raw', frames)));
    expect(bytesOf(done.made)).toEqual(bytesOf(fromHot.made));
  }, 30_000);

  test('waits for frames that are on their way to the store, and does other tasks meanwhile', async () => {
    await withWorker({ WORKER_ID: 'patient' }, async () => {
      const early = { ...codedTask('early', frames), deadline: Date.now() + 60_000 };
      const job = await tasks.add('transcode', early, { jobId: `early-${SEGMENT}` });
      await eventually('the task to be put back', async () => (await job.isDelayed()) || undefined);
      await putHot(redis, 'between', frames);
      await runTask(codedTask('between', frames));
      await putRaw('early', 7, frames);
      const done = await eventually(
        'the result',
        async () => (await job.isCompleted()) || undefined,
      );
      expect(done).toBe(true);
      expect((await tasks.getJob(`early-${SEGMENT}`))?.attemptsMade).toBe(1);
    });
  }, 30_000);

  test('fails a task whose frames are nowhere, and goes on with the next', async () => {
    await withWorker({ WORKER_ID: 'third' }, async () => {
      const job = await tasks.add('transcode', codedTask('nowhere', frames), {
        jobId: 'nowhere-1',
      });
      await eventually('the failure', async () => (await job.isFailed()) || undefined);
      await putHot(redis, 'next', frames);
      const { done } = await runTask(codedTask('next', frames));
      expect(bytesOf(done.made)).toEqual(bytesOf(fromHot.made));
    });
  }, 30_000);
});
