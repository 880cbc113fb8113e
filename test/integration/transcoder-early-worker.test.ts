import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Registry } from 'prom-client';
import { createClock } from '#common/clock';
import { parseConfig } from '#common/config';
import type { EarlyTask, ShownEntry } from '#common/contracts/early-task';
import type { CodedFrame } from '#common/contracts/frame';
import type { Restart } from '#common/contracts/restart';
import { QUEUES, redisKeys, storeKeys } from '#common/contracts/names';
import { segmentJobSchema, type Result } from '#common/contracts/segment';
import { divisionOf } from '#common/division';
import { firstFrame, gridOf } from '#common/grid';
import { createHealthAnswer } from '#common/health';
import {
  isFragment,
  readHotFragments,
  restartHotFragments,
  type HotFragment,
} from '#common/hot-fragments';
import { Lifecycle } from '#common/lifecycle';
import { createLogger } from '#common/logger';
import { openQueue, type Queue } from '#common/queues';
import { connectRedis, type Redis } from '#common/redis';
import { openFolderStore } from '#common/store/folder';
import type { ObjectStore } from '#common/store/store';
import { frameIndex, milliseconds, segmentNumber } from '#common/time';
import { transcoderSettings } from '../../transcoder/config.ts';
import { startTranscoder } from '../../transcoder/start.ts';
import { eventually } from '../helpers/poll.ts';
import { commandLine, processTree } from '../helpers/process-tree.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { codedFrames, codedTask, putHot } from './coded-task.ts';
import { SEGMENT, numbers, placesOf } from './transcoder-harness.ts';

const GRID = gridOf('30');
const N = segmentNumber(SEGMENT);
const FIRST = firstFrame(GRID, N);
const PROFILE = 'instant';
const logger = createLogger('test', 'silent');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let server: TestRedis;
let redis: Redis;
let reading: Redis;
let store: ObjectStore;
let folder: string;
let results: Queue;
let frames: CodedFrame[];

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, 'test', logger);
  reading = connectRedis(server.url, 'reading', logger);
  folder = await mkdtemp(path.join(tmpdir(), 'touchline-early-'));
  store = openFolderStore(path.join(folder, 'store'));
  results = openQueue(QUEUES.segments, redis, logger);
  frames = await codedFrames();
});

afterAll(async () => {
  await results.close();
  redis.disconnect();
  reading.disconnect();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** What workers told in their heartbeats. */
const details: unknown[] = [];

async function withWorker<T>(id: string, use: () => Promise<T>): Promise<T> {
  const config = parseConfig(transcoderSettings, { WORKER_ID: id, REDIS_URL: server.url });
  const connections: Redis[] = [];
  const metrics = new Registry();
  const lifecycle = new Lifecycle(logger);
  const connect = (name: string): Redis => {
    const connection = connectRedis(server.url, name, logger);
    connections.push(connection);
    return connection;
  };
  await startTranscoder({
    config,
    logger,
    redis,
    hotRedis: redis,
    store,
    metrics,
    clock: createClock(),
    connect,
    connectHot: connect,
    lifecycle,
    id: config.WORKER_ID,
    setReady: () => undefined,
    stopping: new AbortController().signal,
    setDetail: (detail) => {
      details.push(detail);
    },
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

const isVideo = (frame: CodedFrame): frame is Extract<CodedFrame, { kind: 'video' }> =>
  frame.kind === 'video';

const decode = { session: 'one', fromSeq: 0, fromChunk: segmentNumber(7) };

function taskOf(channel: string): EarlyTask {
  const opening = frames.filter(isVideo).find(({ index }) => index === FIRST - 1);
  return {
    channel,
    broadcast: N,
    n: N,
    fps: '30',
    profile: PROFILE,
    renditions: codedTask(channel, frames).renditions,
    decode,
    opening: { kind: 'frame', place: frameIndex(FIRST - 1), seq: opening?.seq ?? 0 },
    after: '0',
    deadline: milliseconds(Date.now() + 60_000),
  };
}

/** What the leader tells of pictures, places `[from, to)`, and of all the sound. */
function pictures(from: number, to: number): ShownEntry {
  return {
    t: 'pictures',
    broadcast: N,
    from: frameIndex(from),
    to: frameIndex(to),
    decode,
    shown: frames
      .filter(isVideo)
      .filter(({ index }) => index >= from && index < to)
      .map(({ index, seq }) => ({ kind: 'frame', place: index, seq })),
  };
}

function sound(channel: string): ShownEntry {
  const span = codedTask(channel, frames).sound[0];
  if (span === undefined) {
    throw new Error('the task has no sound');
  }
  const { session, origin, rate, channels, firstK, lastK, fromSeq, fromChunk, from, to } = span;
  return {
    t: 'sound',
    broadcast: N,
    from,
    to,
    spans: [{ session, origin, rate, channels, firstK, lastK, fromSeq, fromChunk, from, to }],
  };
}

/** Resolves to the entry's id. */
const tell = async (channel: string, entry: ShownEntry): Promise<string> =>
  (await redis.xadd(redisKeys.shown(channel), '*', 'e', JSON.stringify(entry))) ?? '';

const place = (worker: string, task: EarlyTask): Promise<unknown> =>
  redis.xadd(redisKeys.earlyTasks(worker), '*', 'e', JSON.stringify(task));

/** Reads a rendition's fragments until there are so many. */
async function fragments(
  channel: string,
  rendition: string,
  count: number,
): Promise<readonly HotFragment[]> {
  const stream = { channel, rendition };
  const found: HotFragment[] = [];
  for (let id = '0'; found.length < count;) {
    const [news] = await readHotFragments(reading, [{ stream, id }], {
      blockMs: 5_000,
      count: 100,
    });
    found.push(...(news?.entries.filter(isFragment) ?? []));
    id = news?.id ?? id;
  }
  return found;
}

async function resultOf(channel: string): Promise<Result> {
  return eventually(`the result of ${channel}`, async () => {
    const jobs = await results.getJobs(['waiting', 'completed']);
    return jobs
      .map((job) => segmentJobSchema.parse(job.data))
      .flatMap((job) => (job.type === 'done' && job.result.channel === channel ? [job.result] : []))
      .at(0);
  });
}

describe('an early task', () => {
  test('is made as its frames come: each fragment is out before the next place is closed', async () => {
    const channel = 'on-time';
    await withWorker('w-early', async () => {
      await place('w-early', taskOf(channel));
      await putHot(redis, channel, frames);
      await tell(channel, sound(channel));
      for (let k = 0; k < GRID.segmentFrames; k += 1) {
        await tell(channel, pictures(FIRST + k, FIRST + k + 1));
        await fragments(channel, 'v180', k + 1);
      }
      const result = await resultOf(channel);
      expect(details).toContainEqual(expect.objectContaining({ task: `${channel}-${N}` }));
      const { fragments: count } = divisionOf(GRID, PROFILE);
      for (const made of result.made) {
        const parts = await fragments(channel, made.rendition, count);
        expect(parts.map(({ k }) => k)).toEqual(numbers(0, count));
        const bytes = Buffer.concat(parts.map((part) => part.bytes));
        expect(sha256(bytes)).toBe(made.sha256);
        if (made.rendition !== 'a96') {
          expect(placesOf(GRID, bytes)).toEqual(numbers(FIRST, GRID.segmentFrames));
        }
        const stored = await eventually(`${made.rendition} in the store`, () =>
          store.get(storeKeys.segment(channel, made.rendition, N)),
        );
        expect(sha256(stored)).toBe(made.sha256);
      }
    });
  });

  test('is the same bytes by a worker that is given it when all is over', async () => {
    const channel = 'afterwards';
    await putHot(redis, channel, frames);
    await tell(channel, sound(channel));
    await tell(channel, pictures(FIRST - 10, FIRST + GRID.segmentFrames));
    await place('w-late', taskOf(channel));
    const late = await withWorker('w-late', () => resultOf(channel));
    const early = await resultOf('on-time');
    expect(late.made).toEqual(early.made);
  });

  test('is the same bytes by a worker that was given the segment after it before', async () => {
    const channel = 'taken-over';
    await putHot(redis, channel, frames);
    await tell(channel, sound(channel));
    const after = await tell(channel, pictures(FIRST - 10, FIRST + 20));
    await tell(channel, pictures(FIRST + 20, FIRST + GRID.segmentFrames));
    await place('w-next', { ...taskOf(channel), n: segmentNumber(N + 1), after });
    await place('w-next', taskOf(channel));
    const late = await withWorker('w-next', () => resultOf(channel));
    const early = await resultOf('on-time');
    expect(late.made).toEqual(early.made);
  });

  test('is the same bytes by a worker that stood by, out of what that held ready', async () => {
    const channel = 'stood-by';
    await putHot(redis, channel, frames);
    // Told apart by what only they have: a worker that starts also tries how fast its machine is.
    const OF_ENCODERS = '-force_key_frames';
    const OF_DECODERS = 'mode=print';
    const held = (option: string, count: number): Promise<readonly number[]> =>
      eventually(`${count} ffmpeg with ${option}`, () => {
        const pids = processTree(process.pid).flatMap(({ name, pid }) =>
          name === 'ffmpeg' && commandLine(pid).includes(option) ? pid : [],
        );
        return Promise.resolve(pids.length === count ? pids : undefined);
      });
    const late = await withWorker('w-standby', async () => {
      await place('w-standby', { ...taskOf(channel), isStandby: true });
      await held(OF_ENCODERS, 1);
      await place('w-standby', { ...taskOf(channel), isStandby: true });
      const decoders = await held(OF_DECODERS, 1);
      await tell(channel, sound(channel));
      await tell(channel, pictures(FIRST - 10, FIRST + GRID.segmentFrames));
      await place('w-standby', { ...taskOf(channel), isTakenOver: true });
      const result = await resultOf(channel);
      // What was held is used up: the encoder has ended, and the decoder is that of the session now.
      await held(OF_ENCODERS, 0);
      expect(await held(OF_DECODERS, 1)).toEqual(decoders);
      return result;
    });
    const early = await resultOf('on-time');
    expect(late.made).toEqual(early.made);
    expect(await held(OF_DECODERS, 0)).toEqual([]);
  });

  test('is gone on with behind what is out, by a worker that it is given to; the log leads to the same bytes', async () => {
    const [channel, again, cold] = ['gone-on', 'gone-on-again', 'gone-on-cold'];
    const { fragments: count } = divisionOf(GRID, PROFILE);
    const pictureIds = ['v180', 'v120'];
    const restart = async (on: string, generation: number): Promise<Restart> => {
      const made = await Promise.all(
        pictureIds.map(async (rendition) => {
          const segment = { n: N, generation };
          const stream = { channel: on, rendition };
          return [rendition, await restartHotFragments(redis, stream, segment, count)] as const;
        }),
      );
      return { generation, from: Object.fromEntries(made) };
    };
    for (const name of [channel, again, cold]) {
      await putHot(redis, name, frames);
      await tell(name, sound(name));
    }
    // The first is stopped in its middle; another makes some more, and a third one the rest.
    const restarts: Restart[] = [];
    for (const [worker, told] of [
      ['w-first', 20],
      ['w-second', 33],
    ] as const) {
      await withWorker(worker, async () => {
        const known = restarts.length === 0 ? {} : { restarts: [...restarts] };
        await place(worker, { ...taskOf(channel), ...known });
        await tell(channel, pictures(told === 20 ? FIRST : FIRST + 20, FIRST + told));
        await Promise.all(pictureIds.map((id) => fragments(channel, id, told)));
        restarts.push(await restart(channel, restarts.length + 1));
      });
    }
    expect(restarts.map(({ from }) => from)).toEqual([
      { v180: 20, v120: 20 },
      { v180: 33, v120: 33 },
    ]);
    await tell(channel, pictures(FIRST + 33, FIRST + GRID.segmentFrames));
    const made = await withWorker('w-third', async () => {
      await place('w-third', { ...taskOf(channel), restarts, isTakenOver: true });
      return resultOf(channel);
    });
    for (const rendition of pictureIds) {
      const parts = await fragments(channel, rendition, count);
      expect(parts.map(({ k }) => k)).toEqual(numbers(0, count));
      const bytes = Buffer.concat(parts.map((part) => part.bytes));
      expect(made.made.find((one) => one.rendition === rendition)?.sha256).toBe(sha256(bytes));
      expect(placesOf(GRID, bytes)).toEqual(numbers(FIRST, GRID.segmentFrames));
    }
    const tasks = openQueue(QUEUES.transcode, redis, logger);
    await tasks.add('task', { ...codedTask(cold, frames), profile: PROFILE, restarts });
    const afterwards = await withWorker('w-gone-on-cold', () => resultOf(cold));
    // Renditions whose encoders began anew in different places are made by one ffmpeg all the same.
    const apart: Restart[] = [{ generation: 1, from: { v180: 21, v120: 20 } }];
    await tasks.add('task', { ...codedTask(again, frames), profile: PROFILE, restarts: apart });
    const unequal = await withWorker('w-apart', () => resultOf(again));
    const whole = 'gone-on-together';
    await putHot(redis, whole, frames);
    const together: Restart[] = [{ generation: 1, from: { v180: 21, v120: 21 } }];
    const task = codedTask(whole, frames);
    await tasks.add('task', { ...task, profile: PROFILE, restarts: together });
    const equal = await withWorker('w-together', () => resultOf(whole));
    await tasks.close();
    const hashesOf = (result: Result): unknown =>
      result.made.map(({ rendition, sha256: hash }) => ({ rendition, hash }));
    expect(hashesOf(afterwards)).toEqual(hashesOf(made));
    const hashOf = (result: Result, id: string): string | undefined =>
      result.made.find(({ rendition }) => rendition === id)?.sha256;
    expect(hashOf(unequal, 'v180')).toBe(hashOf(equal, 'v180'));
    expect(hashOf(unequal, 'v120')).not.toBe(hashOf(equal, 'v120'));
  });

  test('is not handed in by a worker whose fragments do not count any more', async () => {
    const channel = 'fenced';
    await putHot(redis, channel, frames);
    await tell(channel, sound(channel));
    await withWorker('w-fenced', async () => {
      await place('w-fenced', taskOf(channel));
      await tell(channel, pictures(FIRST - 10, FIRST + 20));
      await fragments(channel, 'v180', 20);
      const { fragments: count } = divisionOf(GRID, PROFILE);
      const stream = { channel, rendition: 'v180' };
      await restartHotFragments(redis, stream, { n: N, generation: 1 }, count);
      await tell(channel, pictures(FIRST + 20, FIRST + GRID.segmentFrames));
      await fragments(channel, 'v180', count);
      // A second one, of which all is told, ends after it.
      const other = 'fenced-too';
      await putHot(redis, other, frames);
      await tell(other, sound(other));
      await tell(other, pictures(FIRST - 10, FIRST + GRID.segmentFrames));
      await place('w-fenced', taskOf(other));
      await resultOf(other);
    });
    const jobs = await results.getJobs(['waiting']);
    const told = jobs.map((job) => segmentJobSchema.parse(job.data));
    expect(told.some((job) => job.type === 'done' && job.result.channel === channel)).toBe(false);
  });

  test('is the same bytes made from its frames alone, by the task that the log leads to', async () => {
    const channel = 'cold';
    await putHot(redis, channel, frames);
    const tasks = openQueue(QUEUES.transcode, redis, logger);
    await tasks.add('task', { ...codedTask(channel, frames), profile: PROFILE });
    const cold = await withWorker('w-cold', () => resultOf(channel));
    await tasks.close();
    const early = await resultOf('on-time');
    const bytesOf = ({ made }: Result): unknown =>
      made.map(({ rendition, sha256: hash, initSha256 }) => ({ rendition, hash, initSha256 }));
    expect(bytesOf(cold)).toEqual(bytesOf(early));
  });

  test('is made without what is given up in its middle; the rest is the same bytes, then and by the task that the log leads to', async () => {
    const [channel, cold] = ['given-up', 'given-up-cold'];
    await putHot(redis, channel, frames);
    await putHot(redis, cold, frames);
    const { renditions } = taskOf(channel);
    const [largest] = renditions;
    if (largest?.kind !== 'video') {
      throw new Error('the largest comes first');
    }
    const withheld = [largest.id];
    const early = await withWorker('w-given-up', async () => {
      await place('w-given-up', taskOf(channel));
      await tell(channel, sound(channel));
      await tell(channel, pictures(FIRST - 10, FIRST + 20));
      await fragments(channel, largest.id, 1);
      await tell(channel, { t: 'withheld', broadcast: N, from: N, withheld });
      await tell(channel, pictures(FIRST + 20, FIRST + GRID.segmentFrames));
      return resultOf(channel);
    });
    const { made } = await resultOf('on-time');
    expect(early.made).toEqual(made.filter(({ rendition }) => rendition !== largest.id));
    const tasks = openQueue(QUEUES.transcode, redis, logger);
    await tasks.add('task', {
      ...codedTask(cold, frames),
      profile: PROFILE,
      renditions: renditions.filter(({ id }) => id !== largest.id),
      decoded: { width: largest.width, height: largest.height },
    });
    const afterwards = await withWorker('w-given-up-cold', () => resultOf(cold));
    await tasks.close();
    expect(afterwards.made.map(({ sha256: hash }) => hash)).toEqual(
      early.made.map(({ sha256: hash }) => hash),
    );
  });

  test('is the same bytes again by a worker that has let its pictures go', async () => {
    const channel = 'again';
    await putHot(redis, channel, frames);
    await tell(channel, sound(channel));
    await tell(channel, pictures(FIRST - 10, FIRST + GRID.segmentFrames));
    const { fragments: count } = divisionOf(GRID, PROFILE);
    await withWorker('w-again', async () => {
      await place('w-again', taskOf(channel));
      await resultOf(channel);
      await place('w-again', taskOf(channel));
      const both = await fragments(channel, 'v180', 2 * count);
      const hashes = both.map(({ bytes }) => sha256(bytes));
      expect(hashes.slice(count)).toEqual(hashes.slice(0, count));
    });
  });

  test('beyond the end of its broadcast is dropped', async () => {
    const channel = 'ended';
    await withWorker('w-ended', async () => {
      await place('w-ended', taskOf(channel));
      await putHot(redis, channel, frames);
      await tell(channel, { t: 'end', broadcast: N, last: segmentNumber(SEGMENT - 1) });
      // A second one, of which all is told, ends after it.
      const other = 'ended-too';
      await putHot(redis, other, frames);
      await tell(other, sound(other));
      await tell(other, pictures(FIRST - 10, FIRST + GRID.segmentFrames));
      await place('w-ended', taskOf(other));
      await resultOf(other);
    });
    const jobs = await results.getJobs(['waiting']);
    expect(
      jobs.some((job) => {
        const parsed = segmentJobSchema.parse(job.data);
        return parsed.type === 'done' && parsed.result.channel === channel;
      }),
    ).toBe(false);
  });
});
