/** What the worker tells of its machine: its cores, what others take of them, and how fast it transcodes. */
import type { WorkerCapacity } from '#common/contracts/worker-capacity';
import { toPipelineError } from '#common/errors';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import { trySlowness } from './cost-trial.ts';
import { HostLoad } from './host-load.ts';
import { findHost } from './host.ts';
import type { Encoder } from './transcode.ts';

/** A machine under watch. */
export interface CapacityWatch extends Closable {
  /** As of now. */
  readonly told: () => WorkerCapacity;
}

/**
 * Looks at the machine and goes on watching it. The trial runs beside: a worker is ready before its speed is known.
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
  trySlowness(encoder, closing.signal).then(
    (tried) => {
      slowness = tried;
      logger.info({ ...found, slowness: Math.round(tried * 100) / 100 }, 'machine tried');
      onChange();
    },
    (error: unknown) => {
      if (!closing.signal.aborted) {
        logger.warn({ error: toPipelineError(error) }, 'machine not tried');
      }
    },
  );
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
