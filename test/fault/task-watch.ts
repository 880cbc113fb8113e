/**
 * Takes note of every task that the scheduler gives out, so that it can be done again when all is over; and of those that the
 * log leads to in low latency, where segments are made before there is a task.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { BEFORE_ALL, readLog } from '#common/channel-log';
import { QUEUES } from '#common/contracts/names';
import { taskSchema, type Task } from '#common/contracts/task';
import { createLogger } from '#common/logger';
import { openQueue, type Queue } from '#common/queues';
import { connectRedis, type Redis } from '#common/redis';
import { fold } from '../../scheduler/plan/fold.ts';
import { planSegment, restartedTask } from '../../scheduler/plan/plan.ts';
import { emptyChannel, nextSegment, type ChannelState } from '../../scheduler/plan/state.ts';

/** Finished jobs are kept for some minutes, unless Redis is emptied. */
const EVERY_MS = 250;

/** See the head of this file. */
export class TaskWatch {
  readonly redis: Redis;
  readonly #queue: Queue;
  readonly #tasks = new Map<string, Task>();
  readonly #logs = new Map<string, { readonly state: ChannelState; after: string }>();
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

  /** Follows a channel's log from its beginning: its tasks are kept by number alone too. */
  follow(channel: string): void {
    this.#logs.set(channel, { state: emptyChannel(), after: BEFORE_ALL });
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
      for (const channel of this.#logs.keys()) {
        await this.#readLog(channel).catch(() => undefined);
      }
      await delay(EVERY_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    }
  }

  async #readLog(channel: string): Promise<void> {
    const log = this.#logs.get(channel);
    if (log === undefined) {
      return;
    }
    const options = { blockMs: 1, count: 1_000 };
    const news = await readLog(this.redis, new Map([[channel, log.after]]), options);
    for (const { id, entry } of news.get(channel) ?? []) {
      const { state } = log;
      log.after = id;
      const n = state.air === null ? undefined : nextSegment(state.air);
      if (entry !== null) {
        fold(state, entry);
      }
      if (entry?.t === 'restart') {
        // It may be of a segment that is closed already.
        const known = this.#tasks.get(`${channel}-${entry.n}`);
        if (known !== undefined) {
          const { generation, from } = entry;
          this.#tasks.set(`${channel}-${entry.n}`, restartedTask(known, { generation, from }));
        }
      }
      if (n !== undefined && state.air !== null && nextSegment(state.air) > n) {
        this.#tasks.set(`${channel}-${n}`, planSegment(channel, state, n));
      }
    }
  }
}
