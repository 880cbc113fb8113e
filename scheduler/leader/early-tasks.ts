/**
 * Early tasks on their way to workers, of all channels that this process leads: what each worker has is known here, and each
 * new one is placed where it fits (`plan/early.ts`).
 */
import type { EarlyTask } from '#common/contracts/early-task';
import { redisKeys } from '#common/contracts/names';
import type { Logger } from '#common/logger';
import { execute, type Redis } from '#common/redis';
import { placeEarlyTask, type Carried, type Placing } from '../plan/early.ts';
import { readWorkers } from '#common/worker-capacities';
import type { WorkerPulses } from './worker-pulses.ts';

/** Tasks that a worker's stream keeps: it has read them long before. */
const KEPT = 64;
const EXPIRY_SECONDS = 120;
/** A worker tells of its machine each half second: one not heard of for so long is dead, or makes nothing on time. */
const FRESH_MS = 1_500;

/** Where a task is to go. */
export interface PlacingWishes {
  /** Workers that are not to have it, unless there is no other; what they have counts for nothing. */
  readonly avoided: ReadonlySet<string>;
  /** Workers that had this task and could not make it: they get it again if there is no other. */
  readonly failed: ReadonlySet<string>;
  /** Only where there is room for it: it is made elsewhere already. */
  readonly mustFit: boolean;
  /** Only on a machine that does not make it yet: those that do are slow. */
  readonly onOtherMachine: boolean;
  /** Whoever would take it over is told to hold ready what that needs. */
  readonly withStandby: boolean;
}

/** See the head of this file. */
export interface EarlyTasks {
  /**
   * Places a task.
   * @param cores what its renditions take, in cores of `common/transcode-cost.ts`
   * @param prepared what the worker is told, asked for once there is one
   * @returns the worker that has it; undefined when there is none for it
   */
  readonly place: (
    task: EarlyTask,
    cores: number,
    wishes: PlacingWishes,
    prepared: () => Promise<EarlyTask>,
  ) => Promise<string | undefined>;
}

/**
 * Opens the way to the workers.
 * @param pulses a worker that told of its machine just now may have ended since, or stand still: it gets nothing
 */
export function openEarlyTasks(
  redis: Redis,
  logger: Logger,
  pulses: Pick<WorkerPulses, 'isAway' | 'absent'>,
): EarlyTasks {
  let carried: (Carried & { readonly until: number })[] = [];
  return {
    place: async (task, cores, wishes, prepared) => {
      const { avoided, failed, mustFit, onOtherMachine, withStandby } = wishes;
      const { channel, broadcast, n, deadline } = task;
      const renditions = task.renditions.map(({ id }) => id);
      const placing: Placing = { channel, broadcast, n, renditions, cores };
      const now = Date.now();
      const heard = await readWorkers(redis, now - FRESH_MS);
      const living = heard.filter(({ id }) => !pulses.isAway(id));
      const absent = await pulses.absent(living.map(({ id }) => id));
      const there = living.filter(({ id }) => !absent.has(id));
      // Where nobody is there yet, as when Redis was away, whoever told just now is the best guess.
      const workers = there.length > 0 ? there : living;
      carried = carried.filter(({ until }) => until > now);
      const isUsable = (id: string): boolean => !avoided.has(id);
      const unfailed = (): Carried[] =>
        carried.filter(
          (has) => !(has.n === n && has.channel === channel && failed.has(has.worker)),
        );
      const usable = placeEarlyTask(
        placing,
        workers.filter(({ id }) => isUsable(id)),
        carried.filter((has) => isUsable(has.worker)),
        { mustFit, onOtherMachine },
      );
      const worker =
        usable ??
        (mustFit ? undefined : placeEarlyTask(placing, workers, carried)) ??
        (failed.size === 0 ? undefined : placeEarlyTask(placing, workers, unfailed()));
      if (worker === undefined) {
        // What is lost is asked for again and again, until somebody comes.
        const level = task.isTakenOver === true ? 'debug' : 'info';
        logger[level]({ channel, n, workers: workers.length }, 'no worker for an early task');
        return undefined;
      }
      const given = { ...placing, worker, until: deadline };
      carried.push(given);
      const told = await prepared().catch((error: unknown) => {
        carried = carried.filter((has) => has !== given);
        throw error;
      });
      const pipeline = redis.pipeline();
      const tell = (to: string, what: EarlyTask): void => {
        const key = redisKeys.earlyTasks(to);
        pipeline.xadd(key, 'MAXLEN', '~', KEPT, '*', 'e', JSON.stringify(what));
        pipeline.expire(key, EXPIRY_SECONDS);
      };
      tell(worker, told);
      const next = withStandby
        ? placeEarlyTask(
            placing,
            workers.filter(({ id }) => isUsable(id)),
            carried.filter((has) => isUsable(has.worker)),
          )
        : undefined;
      if (next !== undefined) {
        tell(next, { ...task, isStandby: true });
      }
      await execute(pipeline);
      return worker;
    },
  };
}
