/** out_MQ: what workers made and what the scheduler began and ended; what the origin published and committed. */
import { z } from 'zod';
import { admissionSchema } from './admission.ts';
import { fpsSchema, profileSchema } from './channel.ts';
import { renditionSchema } from './rendition.ts';
import { shedSchema } from './shed.ts';
import { segmentNumberSchema, wallClockSchema } from './units.ts';

const int = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A broadcast: one on-air period. `last` is null while it is on air. Also its record in the store. */
export const broadcastSchema = z.strictObject({
  channel: z.string(),
  broadcast: segmentNumberSchema,
  fps: fpsSchema,
  /** Records of before there were others have none. */
  profile: profileSchema.default('standard'),
  renditions: z.array(renditionSchema),
  admission: admissionSchema.optional(),
  /** What was, or is, withheld of it, in order; records of before there was such a thing have none. */
  sheds: z.array(shedSchema).default([]),
  dvrSeconds: z.int().positive(),
  startedAt: wallClockSchema,
  last: segmentNumberSchema.nullable(),
});
/** See {@link broadcastSchema}. */
export type Broadcast = z.infer<typeof broadcastSchema>;

/** One rendition of a finished segment. */
export const madeSchema = z.strictObject({
  rendition: z.string(),
  bytes: int,
  sha256,
  /** Frames (picture) or AAC frames (sound). */
  frames: int,
  /** First decode time, and the end of the last sample, in the track's timescale. */
  first: int,
  end: int,
  initSha256: sha256,
  /** Entry of `hotSegments`, which carries fields `n`, `init` and `data`. */
  hotId: z.string(),
});
/** See {@link madeSchema}. */
export type Made = z.infer<typeof madeSchema>;

/** Result of a task. */
export const resultSchema = z.strictObject({
  channel: z.string(),
  broadcast: segmentNumberSchema,
  n: segmentNumberSchema,
  taskHash: z.string(),
  /** What decides bytes besides the task: ffmpeg build and our argument version. */
  fingerprint: z.string(),
  worker: z.string(),
  made: z.array(madeSchema),
});
/** See {@link resultSchema}. */
export type Result = z.infer<typeof resultSchema>;

/**
 * Job data of out_MQ, by job name. Job ids: `start-<channel>-<b>`, `shed-<channel>-<from>`, `end-<channel>-<b>`,
 * `done-<channel>-<n>-<worker>`, `stored-<channel>-<n>-<worker>`; each is idempotent and needs no order.
 */
export const segmentJobSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('start'), broadcast: broadcastSchema }),
  /** Its record says from which number on other renditions are made: told ahead of that number. */
  z.strictObject({ type: z.literal('shed'), broadcast: broadcastSchema }),
  z.strictObject({ type: z.literal('done'), result: resultSchema }),
  /** The worker has put every object of the result into the store. */
  z.strictObject({ type: z.literal('stored'), result: resultSchema }),
  z.strictObject({ type: z.literal('end'), broadcast: broadcastSchema }),
]);
/** See {@link segmentJobSchema}. */
export type SegmentJob = z.infer<typeof segmentJobSchema>;

/** What a published or committed segment is, for one rendition. */
export const publishedRenditionSchema = z.strictObject({
  rendition: z.string(),
  bytes: int,
  sha256,
  initSha256: sha256,
});

/**
 * Entry of `published-fragments:{channel}` (field `e`), noted before players are told of the fragment. `k` counts from 0
 * within segment `n`; with all of them the rendition's segment is published.
 */
export const publishedFragmentSchema = z.strictObject({
  broadcast: segmentNumberSchema,
  rendition: z.string(),
  n: segmentNumberSchema,
  k: int,
  at: wallClockSchema,
  bytes: int,
  sha256,
  initSha256: sha256,
});
/** See {@link publishedFragmentSchema}. */
export type PublishedFragment = z.infer<typeof publishedFragmentSchema>;

/** Entry of `published:{channel}` (field `e`), and the commit record in the store. */
export const publishedSchema = z.strictObject({
  broadcast: segmentNumberSchema,
  n: segmentNumberSchema,
  at: wallClockSchema,
  fingerprint: z.string(),
  taskHash: z.string(),
  renditions: z.array(publishedRenditionSchema),
});
/** See {@link publishedSchema}. */
export type Published = z.infer<typeof publishedSchema>;
