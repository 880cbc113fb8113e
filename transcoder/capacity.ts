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

/**
 * Where another worker of the machine tells what it found, that is taken, and this one tries later: a worker that starts again does so while
 * others take over what the one before had, and need every core.
 */
const LATER_MS = 20_000;

/** A machine under watch. */
export interface CapacityWatch extends Closable {
  /** As of now. */
  readonly told: () => WorkerCapacity;
}

/** What {@link watchCapacity} works with. */
export interface CapacityDeps {
  readonly encoder: Encoder;
  readonly logger: Logger;
  /** Workers that can be heard of, of this machine and others. */
  readonly workers: () => Promise<readonly WorkerCapacity[]>;
  /** What is told has changed. */
  readonly onChange: () => void;
}

/**
 * Looks at the machine and goes on watching it. The trials run beside: a worker is ready before its speed is known.
 * @param given cores that workers may take by their owner's word
 */
export async function watchCapacity(
  given: number | undefined,
  { encoder, logger, workers, onChange }: CapacityDeps,
): Promise<CapacityWatch> {
  const found = await findHost();
  const load = new HostLoad(onChange);
  const closing = new AbortController();
  let slowness: number | null = null;
  const rest = (ms: number): Promise<void> =>
    delay(ms, undefined, { signal: closing.signal, ref: false });
  const tryMachine = async (): Promise<void> => {
    // Where others cannot be asked it tries by itself.
    const others = await workers().catch(() => []);
    const known = others.filter(({ host }) => host === found.host);
    const told = known.flatMap((worker) => worker.slowness ?? []);
    if (told.length > 0) {
      slowness = Math.min(...told);
      onChange();
      await rest(LATER_MS);
    }
    for (let trial = 0; trial < TRIALS; trial += 1) {
      if (trial > 0) {
        // Workers that start together would try the machine together each time.
        await rest(BETWEEN_TRIALS_MS * (0.5 + Math.random()));
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
