/** BullMQ, set up once: prefix, retention, listeners, fast recovery. */
import {
  DelayedError,
  Queue,
  UnrecoverableError,
  Worker,
  type Job,
  type JobsOptions,
} from 'bullmq';
import type { z } from 'zod';
import { QUEUE_PREFIX } from './contracts/names.ts';
import { PipelineError, isRetryable } from './errors.ts';
import type { Logger } from './logger.ts';
import type { Redis } from './redis.ts';

export type { Job, Queue, Worker };

/**
 * Lock times of work that viewers wait for, real milliseconds: what a dead process held is free again after 1.5 to
 * 1.75 s. A lock is renewed three times while it lasts, so that a busy machine does not lose it; losing it only costs
 * doing the work twice.
 */
export const URGENT_LOCKS = {
  lockDuration: 1_500,
  lockRenewTime: 400,
  stalledInterval: 250,
} as const;

/**
 * Puts a job back for a while; the attempt does not count.
 * @param forMs real milliseconds
 * @throws always: what BullMQ must see to leave the job alone
 */
export async function postpone(job: Job, forMs: number): Promise<never> {
  await job.moveToDelayed(Date.now() + forMs, job.token);
  throw new DelayedError();
}

/** Kept jobs are bounded: enough to look at, too few to matter. */
const RETENTION: JobsOptions = {
  removeOnComplete: { count: 200 },
  removeOnFail: { age: 24 * 3_600, count: 1_000 },
};

/** A connection ends for good only when we close it: what then fails is no trouble. */
const levelOf = (redis: Redis): 'debug' | 'warn' => (redis.status === 'end' ? 'debug' : 'warn');

/** Opens a queue for adding jobs. */
export function openQueue(name: string, redis: Redis, logger: Logger): Queue {
  const queue = new Queue(name, {
    connection: redis,
    prefix: QUEUE_PREFIX,
    defaultJobOptions: RETENTION,
  });
  queue.on('error', (error) => {
    logger[levelOf(redis)]({ queue: name, reason: error.message }, 'queue error');
  });
  return queue;
}

/** How a worker takes jobs. Lock times are real milliseconds. */
export interface WorkerSettings {
  readonly concurrency: number;
  readonly lockDuration?: number;
  /** How often a lock is renewed; half its duration by default. */
  readonly lockRenewTime?: number;
  readonly stalledInterval?: number;
  /** Workers that may die with a job, or lose its lock, before it fails without being tried again. */
  readonly maxStalledCount?: number;
}

/**
 * Opens a worker. Job data is parsed by `schema` before the handler sees it; the handler's signal aborts when the
 * job's lock is lost or the worker closes by force. A job whose error cannot go away by doing it again, by the table of
 * `errors.ts`, fails at once, whatever attempts it has left; foreign errors are tried again.
 */
export function openWorker<S extends z.ZodType>(
  name: string,
  redis: Redis,
  logger: Logger,
  schema: S,
  handler: (data: z.output<S>, job: Job, signal: AbortSignal) => Promise<unknown>,
  settings: WorkerSettings,
): Worker {
  const running = new Map<string, AbortController>();
  const worker = new Worker(
    name,
    async (job: Job) => {
      const controller = new AbortController();
      const id = job.id ?? '';
      running.set(id, controller);
      try {
        return await handler(schema.parse(job.data), job, controller.signal);
      } catch (error) {
        throw error instanceof PipelineError && !isRetryable(error.code)
          ? new UnrecoverableError(error.message)
          : error;
      } finally {
        running.delete(id);
      }
    },
    {
      connection: redis,
      prefix: QUEUE_PREFIX,
      concurrency: settings.concurrency,
      lockDuration: settings.lockDuration ?? 10_000,
      lockRenewTime: settings.lockRenewTime ?? (settings.lockDuration ?? 10_000) / 2,
      stalledInterval: settings.stalledInterval ?? 5_000,
      maxStalledCount: settings.maxStalledCount ?? 10,
      drainDelay: 5,
    },
  );
  worker.on('error', (error) => {
    logger[levelOf(redis)]({ queue: name, reason: error.message }, 'worker error');
  });
  worker.on('failed', (job, error) => {
    logger.warn({ queue: name, job: job?.id, attempts: job?.attemptsMade, error }, 'job failed');
  });
  worker.on('lockRenewalFailed', (ids: string[]) => {
    for (const id of ids) {
      logger.warn({ queue: name, job: id }, 'job lock lost');
      running.get(id)?.abort();
    }
  });
  return worker;
}

/**
 * Closes a worker: jobs under way are finished first, but not for a Redis that is away, which could not be told. Then
 * their locks run out and they are done again.
 * @param redis the connection that it was opened with
 */
export const closeWorker = (worker: Worker, redis: Redis): Promise<void> =>
  worker.close(redis.status !== 'ready');
