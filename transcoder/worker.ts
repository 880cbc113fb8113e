/** The worker: takes a task, makes its segments, hands them on. It keeps nothing between tasks. */
import { createHash } from 'node:crypto';
import { Counter, Histogram, type Registry } from 'prom-client';
import { QUEUES } from '../common/contracts/names.ts';
import type { Made, Result, SegmentJob } from '../common/contracts/segment.ts';
import { taskSchema, type Task } from '../common/contracts/task.ts';
import { toPipelineError } from '../common/errors.ts';
import { appendHotSegment } from '../common/hot-segments.ts';
import type { Closable } from '../common/lifecycle.ts';
import type { Logger } from '../common/logger.ts';
import { openQueue, openWorker } from '../common/queues.ts';
import type { Redis } from '../common/redis.ts';
import type { Detail } from '../common/service.ts';
import type { ObjectStore } from '../common/store/store.ts';
import type { TranscoderConfig } from './config.ts';
import { startDelivery, type Delivery } from './delivery.ts';
import { readFingerprint } from './fingerprint.ts';
import type { MadeSegment } from './made-segment.ts';
import { loadSlate } from './slate.ts';
import { readTaskInput } from './task-input.ts';
import { transcode, type Encoder } from './transcode.ts';

/** A task whose worker died runs elsewhere after about this, real milliseconds. */
const LOCK_MS = 2_000;
const STALLED_CHECK_MS = 1_000;
/** Largest output of one rendition: 40 Mb/s over two seconds, several times. */
const LARGEST_OUTPUT_BYTES = 64 * 1024 * 1024;

/** What the worker needs. */
export interface WorkerDeps {
  readonly id: string;
  readonly logger: Logger;
  readonly redis: Redis;
  readonly hotRedis: Redis;
  readonly connect: (name: string) => Redis;
  readonly store: ObjectStore;
  readonly metrics: Registry;
  readonly setDetail: (detail: Detail) => void;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Starts taking tasks.
 * @throws PipelineError `BAD_CONFIG` when this machine's ffmpeg cannot do the work
 */
export async function startWorker(config: TranscoderConfig, deps: WorkerDeps): Promise<Closable> {
  const { id, logger, redis, store, metrics } = deps;
  const encoder: Encoder = {
    program: config.FFMPEG_PATH,
    arch: process.arch,
    limits: {
      wallMs: config.FFMPEG_WALL_MS,
      memoryMiB: config.FFMPEG_MEMORY_MIB,
      outputBytes: LARGEST_OUTPUT_BYTES,
    },
  };
  const fingerprint = await readFingerprint(config.FFMPEG_PATH);
  const slate = await loadSlate(store, encoder, logger);
  const segments = openQueue(QUEUES.segments, redis, logger);
  const delivery = startDelivery(store, segments, logger);
  const duration = new Histogram({
    name: 'touchline_task_seconds',
    help: 'Real seconds from taking a task to handing its segments on',
    buckets: [0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 10, 30],
    registers: [metrics],
  });
  const failures = new Counter({
    name: 'touchline_task_failures_total',
    help: 'Tasks that ended in an error, by its code',
    labelNames: ['code'],
    registers: [metrics],
  });

  const run = async (task: Task, signal: AbortSignal): Promise<void> => {
    const { channel, n } = task;
    const stop = duration.startTimer();
    deps.setDetail({ channel, n, fingerprint });
    try {
      const input = await readTaskInput(task, { hotRedis: deps.hotRedis, store, slate });
      const { segments: made, preview } = await transcode(task, input, encoder, signal);
      signal.throwIfAborted();
      const result = await announce(task, made, { ...deps, fingerprint, add: addDone });
      delivery.send({ result, segments: made, preview });
      logger.debug({ channel, n, seconds: stop() }, 'task done');
    } catch (error) {
      failures.inc({ code: toPipelineError(error).code });
      throw error;
    } finally {
      deps.setDetail({ channel: null, n: null, fingerprint });
    }
  };
  const addDone = async (result: Result): Promise<void> => {
    await segments.add('done', { type: 'done', result } satisfies SegmentJob, {
      jobId: `done-${result.channel}-${result.n}-${result.worker}`,
    });
  };
  deps.setDetail({ channel: null, n: null, fingerprint });
  const worker = openWorker(
    QUEUES.transcode,
    deps.connect('tasks'),
    logger,
    taskSchema,
    async (task, _job, signal) => {
      await run(task, signal);
    },
    { concurrency: 1, lockDuration: LOCK_MS, stalledInterval: STALLED_CHECK_MS },
  );
  logger.info({ id, fingerprint }, 'worker takes tasks');
  return { close: () => closeAll(worker, delivery, segments) };
}

/** A task under way is finished before the worker ends. */
async function closeAll(worker: Closable, delivery: Delivery, segments: Closable): Promise<void> {
  await worker.close();
  await delivery.close();
  await segments.close();
}

/** Hands the bytes to the hot stream and the result to the origin. */
async function announce(
  task: Task,
  segments: readonly MadeSegment[],
  deps: WorkerDeps & {
    readonly fingerprint: string;
    readonly add: (result: Result) => Promise<void>;
  },
): Promise<Result> {
  const { channel, broadcast, n } = task;
  const made = await Promise.all(
    segments.map(async ({ rendition, init, data, frames, first, end }): Promise<Made> => {
      const hotId = await appendHotSegment(deps.hotRedis, channel, rendition, { n, init, data });
      return {
        rendition,
        bytes: data.byteLength,
        sha256: sha256(data),
        frames,
        first,
        end,
        initSha256: sha256(init),
        hotId,
      };
    }),
  );
  const result: Result = {
    channel,
    broadcast,
    n,
    taskHash: task.hash,
    fingerprint: deps.fingerprint,
    worker: deps.id,
    made,
  };
  await deps.add(result);
  return result;
}
