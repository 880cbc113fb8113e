/** The transcode queue from the leader's side: fair among channels, and no number is left unresolved. */
import { QueueEvents } from 'bullmq';
import { LRUCache } from 'lru-cache';
import { QUEUES, QUEUE_PREFIX } from '#common/contracts/names';
import { taskSchema, type Task } from '#common/contracts/task';
import { noteFiller } from '#common/fillers';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import { openQueue, type Job } from '#common/queues';
import type { Redis } from '#common/redis';
import { planFiller } from '../plan/plan.ts';
import { FairOrder } from './fair-order.ts';

/** A failed task is tried again at once, by whichever worker is free. */
const ATTEMPTS = 3;
/** Filler needs nothing but a worker that works, so it is worth waiting for. */
const FILLER_ATTEMPTS = 20;
const FILLER_BACKOFF_MS = 1_000;
const MOST_RECOVERED_JOBS = 10_000;
/** Times that a task whose results the origin does not take is done again before it becomes filler. */
const MOST_AGAIN = 2;
const MOST_REMEMBERED = 1_000;

const FILLER = 'filler';
/** What was withheld and is made afterwards. */
const OWED = 'owed';
/** BullMQ's lowest: it is taken when nothing else waits. */
const OWED_PRIORITY = 2 ** 21 - 1;

/** Tasks given out and not finished, by channel. */
export interface TranscodeQueue extends Closable {
  /** Gives out a task; giving it out again while its job is kept does nothing. */
  add(task: Task): Promise<void>;
  /**
   * Gives out a finished task again, because the origin took none of its results; after some times filler in its place.
   * Does nothing while it is not finished.
   */
  giveAgain(channel: string, n: number): Promise<void>;
  /** Gives out the task of what was withheld of a segment: after everything else. */
  addOwed(task: Task): Promise<void>;
  /** Whether {@link addOwed}'s task of a number is not finished. */
  isOwedOpen(channel: string, n: number): boolean;
  /** Whether the task of a number is given out and not finished. */
  isOpen(channel: string, n: number): boolean;
  /** Jobs not finished, by channel. */
  unfinished(): ReadonlyMap<string, number>;
}

/** Opens the queue and takes up what the leader before left in it. */
export async function openTranscodeQueue(redis: Redis, logger: Logger): Promise<TranscodeQueue> {
  const queue = openQueue(QUEUES.transcode, redis, logger);
  const order = new FairOrder();
  const owed = new Set<string>();
  const givenAgain = new LRUCache<string, number>({ max: MOST_REMEMBERED });

  const replace = async (job: Job, reason: string): Promise<void> => {
    const task = taskSchema.parse(job.data);
    const { channel, n } = task;
    if (job.name === OWED) {
      logger.warn({ channel, n, reason }, 'what was withheld could not be made');
      await job.remove();
      return;
    }
    if (job.name === FILLER) {
      logger.error({ channel, n, reason }, 'segment cannot be resolved');
      return;
    }
    logger.warn({ channel, n, reason }, 'segment becomes filler');
    const id = `${channel}-${n}-${FILLER}`;
    // It takes the place of the task that it stands for.
    const priority = order.begin(id, channel, job.opts.priority);
    await queue.add(FILLER, planFiller(task), {
      jobId: id,
      priority,
      attempts: FILLER_ATTEMPTS,
      backoff: { type: 'fixed', delay: FILLER_BACKOFF_MS },
    });
    await job.remove();
    await noteFiller(redis, channel, { n, reason });
  };
  const replaceAll = async (failed: readonly (Job | undefined)[]): Promise<void> => {
    for (const job of failed) {
      try {
        if (job !== undefined) {
          await replace(job, job.failedReason);
        }
      } catch (error) {
        logger.error({ error, job: job?.id }, 'failed job not replaced');
      }
    }
  };

  const blocking = redis.duplicate({ connectionName: 'scheduler:transcode-events' });
  blocking.on('error', (error) => {
    logger.debug({ error }, 'queue events connection error');
  });
  const events = new QueueEvents(QUEUES.transcode, {
    connection: blocking,
    prefix: QUEUE_PREFIX,
  });
  events.on('error', (error) => {
    logger.warn({ reason: error.message }, 'queue events error');
  });
  events.on('completed', ({ jobId }) => {
    order.end(jobId);
    owed.delete(jobId);
  });
  events.on('failed', ({ jobId }) => {
    order.end(jobId);
    owed.delete(jobId);
    queue
      .getJob(jobId)
      .then((job) => replaceAll([job]))
      .catch((error: unknown) => {
        logger.error({ error, job: jobId }, 'failed job not read');
      });
  });
  await events.waitUntilReady();

  const open = await queue.getJobs(
    ['active', 'prioritized', 'waiting', 'delayed'],
    0,
    MOST_RECOVERED_JOBS,
  );
  for (const job of open) {
    const task = taskSchema.safeParse(job.data).data;
    if (job.id !== undefined && job.name === OWED) {
      owed.add(job.id);
    } else if (job.id !== undefined && task !== undefined) {
      order.begin(job.id, task.channel, job.opts.priority);
    }
  }
  await replaceAll(await queue.getFailed(0, MOST_RECOVERED_JOBS));

  return {
    add: async (task) => {
      const id = `${task.channel}-${task.n}`;
      const [known, filler] = await Promise.all([
        queue.getJob(id),
        queue.getJob(`${id}-${FILLER}`),
      ]);
      if (known !== undefined || filler !== undefined) {
        return;
      }
      const priority = order.begin(id, task.channel);
      await queue.add('segment', task, { jobId: id, priority, attempts: ATTEMPTS });
    },
    giveAgain: async (channel, n) => {
      const id = `${channel}-${n}`;
      const [job, filler] = await Promise.all([queue.getJob(id), queue.getJob(`${id}-${FILLER}`)]);
      const known = filler ?? job;
      if (known === undefined || order.has(id) || order.has(`${id}-${FILLER}`)) {
        return;
      }
      const times = (givenAgain.get(id) ?? 0) + 1;
      givenAgain.set(id, times);
      logger.warn({ channel, n, times }, 'no result did: task is given out again');
      if (filler === undefined && times > MOST_AGAIN) {
        await replace(known, 'the origin took none of its results');
      } else {
        const again = filler === undefined ? id : `${id}-${FILLER}`;
        order.begin(again, channel, known.opts.priority);
        try {
          await known.retry('completed', { resetAttemptsMade: true });
        } catch (error) {
          order.end(again);
          throw error;
        }
      }
    },
    addOwed: async (task) => {
      const id = `${task.channel}-${task.n}-${OWED}`;
      if (owed.has(id)) {
        return;
      }
      // One that has ended is kept for a while, and its name with it.
      await (await queue.getJob(id))?.remove();
      owed.add(id);
      try {
        await queue.add(OWED, task, { jobId: id, priority: OWED_PRIORITY, attempts: ATTEMPTS });
      } catch (error) {
        owed.delete(id);
        throw error;
      }
    },
    isOwedOpen: (channel, n) => owed.has(`${channel}-${n}-${OWED}`),
    isOpen: (channel, n) => order.has(`${channel}-${n}`) || order.has(`${channel}-${n}-${FILLER}`),
    unfinished: () => order.counts,
    close: async () => {
      const closed = events.close();
      // Its read blocks for seconds.
      blocking.disconnect();
      await closed;
      await queue.close();
    },
  };
}
