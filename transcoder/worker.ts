/** The worker: takes tasks from the queue, transcodes, hands out the bytes and tells. Keeps no state of its own. */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Counter, Histogram } from 'prom-client';
import { QUEUES } from '#common/contracts/names';
import type { Result } from '#common/contracts/segment';
import { taskSchema, type Task } from '#common/contracts/task';
import { PipelineError, toPipelineError } from '#common/errors';
import { readHotFrames } from '#common/hot-frames';
import { appendHotSegment } from '#common/hot-segments';
import type { Closable } from '#common/lifecycle';
import { linkSignals } from '#common/linked-signal';
import { closeWorker, openWorker, postpone, URGENT_LOCKS } from '#common/queues';
import type { ServiceContext } from '#common/service';
import { readWorkerCapacities } from '#common/worker-capacities';
import { watchCapacity } from './capacity.ts';
import type { TranscoderConfig } from './config.ts';
import { decodeSlate } from './early/slate-picture.ts';
import type { MadeSegment } from './made-segment.ts';
import type { Results } from './results.ts';
import type { Tally } from './tally.ts';
import { readTaskInput } from './task-input.ts';
import { transcode, transcodeFragments, type Encoder } from './transcode.ts';

/**
 * Workers that may die with one task. Whoever takes it after that fails it at once, and the scheduler puts filler in its
 * place: a chunk that kills whatever decodes it must not kill every worker in turn.
 */
const MOST_DEATHS = 3;
/** Frames on their way to the store are looked for this often, real milliseconds, and this long past the deadline. */
const INPUT_RETRY_MS = 500;
const INPUT_PATIENCE_MS = 10_000;
/** A task under way gets this long when the worker closes. */
const CLOSE_GRACE_MS = 2_000;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What a worker transcodes with. */
export interface WorkerTools {
  readonly encoder: Encoder;
  /** Names everything that decides bytes besides the task. */
  readonly fingerprint: string;
  readonly slate: () => Promise<Uint8Array>;
  readonly tally: Tally;
}

/** Starts to take tasks. */
export async function startWorker(
  context: ServiceContext<TranscoderConfig>,
  tools: WorkerTools,
  results: Results,
): Promise<Closable> {
  const { config, logger, clock, redis, hotRedis, store, metrics } = context;
  const { encoder, fingerprint, slate, tally } = tools;
  const outcomes = new Counter({
    name: 'touchline_tasks_total',
    help: 'Tasks by outcome',
    labelNames: ['outcome'],
    registers: [metrics],
  });
  const durations = new Histogram({
    name: 'touchline_task_seconds',
    help: 'Real seconds from taking a task to its result',
    buckets: [0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 10, 20, 60],
    registers: [metrics],
  });

  const handOut = async (task: Task, segment: MadeSegment): Promise<Result['made'][number]> => {
    const { rendition, init, data, frames, first, end } = segment;
    const hotId = await appendHotSegment(hotRedis, task.channel, rendition, {
      n: task.n,
      init,
      data,
    });
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
  };

  const run = async (task: Task, signal: AbortSignal): Promise<void> => {
    const input = await readTaskInput(task, {
      readHot: (channel, session, from, to) => readHotFrames(hotRedis, channel, session, from, to),
      store,
      slate,
    });
    const made =
      task.profile === 'standard'
        ? await transcode(task, input, encoder, signal)
        : await transcodeFragments(task, input, encoder, {
            signal,
            slate: async (size) => decodeSlate(await slate(), size, encoder, signal),
          });
    if (signal.aborted) {
      throw new PipelineError('ABORTED', 'another worker has the task');
    }
    const result: Result = {
      channel: task.channel,
      broadcast: task.broadcast,
      n: task.n,
      taskHash: task.hash,
      fingerprint,
      worker: context.id,
      made: await Promise.all(made.segments.map((segment) => handOut(task, segment))),
    };
    await results.add(result, made);
  };

  const tellOfUs = (): void => {
    context.setDetail({ ...tally.detail(), ...capacity.told() });
  };
  const capacity = await watchCapacity(config.TRANSCODE_CORES, {
    encoder,
    logger,
    workers: () => readWorkerCapacities(redis, Date.now()),
    onChange: () => {
      tellOfUs();
    },
  });
  tellOfUs();
  tally.onChange(tellOfUs);
  const closing = new AbortController();
  const jobs = context.connect('transcode');
  let letGo = (): void => undefined;
  const isLetGo = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const worker = openWorker(
    QUEUES.transcode,
    jobs,
    logger,
    taskSchema,
    async (task, job, lost) => {
      const log = logger.child({ channel: task.channel, n: task.n });
      const began = performance.now();
      tally.begins(task);
      const stopped = linkSignals([lost, closing.signal]);
      try {
        await run(task, stopped.signal);
        outcomes.inc({ outcome: 'done' });
        tally.done(task, performance.now() - began);
        log.debug({ ms: Math.round(performance.now() - began) }, 'task done');
      } catch (error) {
        const { code, message } = toPipelineError(error);
        outcomes.inc({ outcome: code });
        if (closing.signal.aborted) {
          // Neither done nor failed: the lock runs out and another worker takes the task.
          letGo();
          await new Promise<never>(() => undefined);
        }
        if (code === 'INPUT_MISSING' && clock.now() < task.deadline + INPUT_PATIENCE_MS) {
          log.info({ reason: message }, 'task waits for its input');
          await postpone(job, INPUT_RETRY_MS);
        }
        tally.failed();
        log.warn({ code, reason: message }, 'task failed');
        throw error;
      } finally {
        stopped.release();
        durations.observe((performance.now() - began) / 1_000);
        tally.ends(task);
      }
    },
    { concurrency: 1, ...URGENT_LOCKS, maxStalledCount: MOST_DEATHS },
  );

  return {
    close: async () => {
      const done = closeWorker(worker, jobs);
      await Promise.race([done, delay(CLOSE_GRACE_MS, undefined, { ref: false })]);
      closing.abort();
      await Promise.race([done, isLetGo]);
      await capacity.close();
    },
  };
}
