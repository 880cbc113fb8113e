/** Takes note of every task that the scheduler gives out, so that it can be done again when all is over. */
import { setTimeout as delay } from 'node:timers/promises';
import { QUEUES } from '#common/contracts/names';
import { taskSchema, type Task } from '#common/contracts/task';
import { createLogger } from '#common/logger';
import { openQueue, type Queue } from '#common/queues';
import { connectRedis, type Redis } from '#common/redis';

/** Finished jobs are kept for some minutes, unless Redis is emptied. */
const EVERY_MS = 250;

/** See the head of this file. */
export class TaskWatch {
  readonly redis: Redis;
  readonly #queue: Queue;
  readonly #tasks = new Map<string, Task>();
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;

  constructor(redisUrl: string) {
    const logger = createLogger('fault', 'silent');
    this.redis = connectRedis(redisUrl, 'fault', logger);
    this.#queue = openQueue(QUEUES.transcode, this.redis, logger);
    this.#running = this.#run();
  }

  /** Tasks by the hash that results and published records carry. */
  get tasks(): ReadonlyMap<string, Task> {
    return this.#tasks;
  }

  /** Stops watching. */
  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await this.#queue.close();
    this.redis.disconnect();
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const jobs = await this.#queue
        .getJobs(['active', 'prioritized', 'waiting', 'delayed', 'completed', 'failed'], 0, 40)
        .catch(() => []);
      for (const job of jobs) {
        // A job may be gone by the time it is read.
        const task = taskSchema.safeParse(job?.data).data;
        if (task !== undefined) {
          this.#tasks.set(`${task.channel}-${task.n}-${task.hash}`, task);
        }
      }
      await delay(EVERY_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    }
  }
}
