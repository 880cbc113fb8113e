/** What the worker tells of its machine: its cores, what others take of them, and how fast it transcodes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkerCapacity } from '#common/contracts/worker-capacity';
import { toPipelineError } from '#common/errors';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import { trySlowness } from './cost-trial.ts';
import { HostLoad } from './host-load.ts';
import { findHost } from './host.ts';
import type { Encoder } from './transcode.ts';

/**
 * The least of so many counts: work beside a trial, which is most while everything starts, takes caches and half of a core with
 * two threads from it, so that it needs up to twice its CPU time.
 */
const TRIALS = 3;
const BETWEEN_TRIALS_MS = 2_000;

/** A machine under watch. */
export interface CapacityWatch extends Closable {
  /** As of now. */
  readonly told: () => WorkerCapacity;
}

/**
 * Looks at the machine and goes on watching it. The trials run beside: a worker is ready before its speed is known.
 * @param given cores that workers may take by their owner's word
 * @param onChange what is told has changed
 */
export async function watchCapacity(
  given: number | undefined,
  encoder: Encoder,
  logger: Logger,
  onChange: () => void,
): Promise<CapacityWatch> {
  const found = await findHost();
  const load = new HostLoad(onChange);
  const closing = new AbortController();
  let slowness: number | null = null;
  const tryMachine = async (): Promise<void> => {
    for (let trial = 0; trial < TRIALS; trial += 1) {
      if (trial > 0) {
        // Workers that start together would try the machine together each time.
        const pause = BETWEEN_TRIALS_MS * (0.5 + Math.random());
        await delay(pause, undefined, { signal: closing.signal, ref: false });
      }
      const tried = await trySlowness(encoder, closing.signal);
      if (slowness === null || tried < slowness) {
        slowness = tried;
        logger.info({ ...found, slowness: Math.round(tried * 100) / 100 }, 'machine tried');
        onChange();
      }
    }
  };
  tryMachine().catch((error: unknown) => {
    if (!closing.signal.aborted) {
      logger.warn({ error: toPipelineError(error) }, 'machine not tried');
    }
  });
  return {
    told: () => ({
      ...found,
      scopeCores: given ?? found.scopeCores,
      isGiven: given !== undefined,
      otherCores: load.otherCores,
      slowness,
    }),
    close: () => {
      closing.abort();
      return load.close();
    },
  };
}
