/** Why a broadcast has the renditions it has: what its ladder would take of the workers, and what they had. */
import { z } from 'zod';

/** Part of the on-air mark and of a broadcast's record. Cores are those that `common/transcode-cost.ts` counts in. */
export const admissionSchema = z.strictObject({
  /** For every rendition of the ladder that the source is worth. */
  neededCores: z.number().min(0),
  /** For those the broadcast began with. */
  takenCores: z.number().min(0),
  /** That were free when it began. */
  freeCores: z.number().min(0),
  /** Ids of the renditions left out. */
  leftOut: z.array(z.string()),
});
/** See {@link admissionSchema}. */
export type Admission = z.infer<typeof admissionSchema>;

/** Whether the broadcast began with more than the workers could carry. */
export const isTooHeavy = ({ takenCores, freeCores }: Admission): boolean => takenCores > freeCores;
