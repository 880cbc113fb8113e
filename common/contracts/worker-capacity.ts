/** What a worker tells of the machine it works on, so that a broadcast begins with what the workers can carry. */
import { z } from 'zod';

/**
 * Part of a worker's heartbeat (`detail`). Workers of one machine share its cores, and those of one container what it
 * is allowed, so each tells where it is: what they share counts once.
 */
export const workerCapacitySchema = z.object({
  /** Names the machine. */
  host: z.string().min(1),
  /** Cores of the machine. */
  hostCores: z.number().positive(),
  /** Names what limits the worker within its machine: its container. */
  scope: z.string().min(1),
  /** Cores that everything in that scope may use together. */
  scopeCores: z.number().positive(),
  /** The owner has said how many cores workers may take (`TRANSCODE_CORES`): nothing else is taken off. */
  isGiven: z.boolean(),
  /** Cores that other programs of the machine took all through the last 1.5 s; null while that is not known. */
  otherCores: z.number().min(0).nullable(),
  /** CPU seconds here for what takes one on the machine that costs were measured on; null until it was tried. */
  slowness: z.number().positive().nullable(),
});
/** See {@link workerCapacitySchema}. */
export type WorkerCapacity = z.infer<typeof workerCapacitySchema>;
