/** A task: make segment `n` of every rendition. No bytes, no secrets. Job id `<channel>-<n>`. */
import { z } from 'zod';
import { channelIdSchema, fpsSchema, profileSchema } from './channel.ts';
import { pictureSizeSchema, renditionSchema } from './rendition.ts';
import { restartsSchema } from './restart.ts';
import {
  frameIndexSchema,
  samplePositionSchema,
  segmentNumberSchema,
  wallClockSchema,
} from './units.ts';

const int = z.int().min(0);

/** Frames of one session, by seq, and the raw chunks that keep them when the hot stream no longer does. */
const sessionFrames = {
  session: z.string(),
  /** First and last seq to read, inclusive. Picture: begins at a start point. */
  fromSeq: int,
  toSeq: int,
  /** First and last raw chunk (segment numbers of the session's chunks) that hold them. */
  fromChunk: segmentNumberSchema,
  toChunk: segmentNumberSchema,
};

/**
 * Picture comes from these, in order. Frames with `from <= index < to` that are not `late` are shown; others in
 * the range are only decoded. A place without a frame repeats the one before it.
 */
export const videoSpanSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('session'),
    ...sessionFrames,
    from: frameIndexSchema,
    to: frameIndexSchema,
    /** Seqs that came after their place was closed. */
    late: z.array(int),
  }),
  z.strictObject({ kind: z.literal('slate'), from: frameIndexSchema }),
]);
/** See {@link videoSpanSchema}. */
export type VideoSpan = z.infer<typeof videoSpanSchema>;

/**
 * Sound for 48 kHz samples `[from, to)` comes from AAC frames `firstK..lastK` of the run at `origin`; decoding
 * starts at exactly `firstK`. Samples no span covers are silence. Spans are in order and do not overlap.
 */
export const soundSpanSchema = z.strictObject({
  ...sessionFrames,
  origin: samplePositionSchema,
  rate: z.int().positive(),
  channels: z.int().positive(),
  firstK: int,
  lastK: int,
  from: samplePositionSchema,
  to: samplePositionSchema,
});
/** See {@link soundSpanSchema}. */
export type SoundSpan = z.infer<typeof soundSpanSchema>;

/** See the head of this file. */
export const taskSchema = z.strictObject({
  channel: channelIdSchema,
  broadcast: segmentNumberSchema,
  n: segmentNumberSchema,
  fps: fpsSchema,
  /** Decides how the segment is divided, and how its pictures are coded. */
  profile: profileSchema.default('standard'),
  renditions: z.array(renditionSchema).min(1),
  /** What pictures are decoded to where that is larger than all renditions, as it is for a while after a larger one was made. Decides bytes. */
  decoded: pictureSizeSchema.optional(),
  /** Where encoders of its pictures began anew. Decide bytes. */
  restarts: restartsSchema.optional(),
  video: z.array(videoSpanSchema).min(1),
  sound: z.array(soundSpanSchema),
  /** SHA-256 of the canonical JSON of fps, n, profile, renditions, decoded, restarts, video and sound: what decides the bytes. */
  hash: z.string(),
  /** Published later than this, players notice. */
  deadline: wallClockSchema,
});
/** See {@link taskSchema}. */
export type Task = z.infer<typeof taskSchema>;
