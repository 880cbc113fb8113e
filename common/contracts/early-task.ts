/**
 * Early tasks: work handed out before its segment has begun. The leader places each with a worker (a stream a worker) and
 * tells all of them, through the channel's `shown` stream, what is shown and heard as it closes places: in the same
 * transaction as the marks that follow from it, so that a worker needs neither the log nor a clock.
 */
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

/** A session's pictures are decoded from this frame, a start point, on. */
const decodeFromSchema = z.strictObject({
  session: z.string(),
  fromSeq: int,
  /** The raw chunk that keeps it. */
  fromChunk: segmentNumberSchema,
});
/** See {@link decodeFromSchema}. */
export type DecodeFrom = z.infer<typeof decodeFromSchema>;

/**
 * A picture goes up: the session's coded frame with this seq in its place, or the slate. It stays until the next one's place, also
 * in later segments. Of two for one place the later is shown.
 */
export const shownPictureSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('frame'),
    place: frameIndexSchema,
    /** Of a picture of two fields the first is shown in the frame's own place and the second in those after it. */
    seq: int,
  }),
  z.strictObject({ kind: z.literal('slate'), place: frameIndexSchema }),
]);
/** See {@link shownPictureSchema}. */
export type ShownPicture = z.infer<typeof shownPictureSchema>;

/** Sound for 48 kHz samples `[from, to)`: AAC frames of the run at `origin`, as in `soundSpanSchema`; what no span covers is silence. */
export const shownSoundSchema = z.strictObject({
  session: z.string(),
  origin: samplePositionSchema,
  rate: z.int().positive(),
  channels: z.int().positive(),
  /** First and last AAC frame needed for these samples, decoder's and resampler's lead included. */
  firstK: int,
  lastK: int,
  fromSeq: int,
  fromChunk: segmentNumberSchema,
  from: samplePositionSchema,
  to: samplePositionSchema,
});
/** See {@link shownSoundSchema}. */
export type ShownSound = z.infer<typeof shownSoundSchema>;

/** One entry of the `shown` stream. Each kind's entries follow one another without gap or overlap while a broadcast is on air. */
export const shownEntrySchema = z.discriminatedUnion('t', [
  z.strictObject({
    t: z.literal('pictures'),
    broadcast: segmentNumberSchema,
    from: frameIndexSchema,
    to: frameIndexSchema,
    /** Set whenever a frame goes up here: all that do are of that session. */
    decode: decodeFromSchema.nullable(),
    shown: z.array(shownPictureSchema),
  }),
  z.strictObject({
    t: z.literal('sound'),
    broadcast: segmentNumberSchema,
    from: samplePositionSchema,
    to: samplePositionSchema,
    spans: z.array(shownSoundSchema),
  }),
  /** From segment `from` on these are not made any more, whatever tasks of it say: who makes them leaves off, also in the middle of it. */
  z.strictObject({
    t: z.literal('withheld'),
    broadcast: segmentNumberSchema,
    from: segmentNumberSchema,
    /** Ids. */
    withheld: z.array(z.string()),
  }),
  /** The broadcast's last segment is `last`: early tasks beyond it are dropped. */
  z.strictObject({
    t: z.literal('end'),
    broadcast: segmentNumberSchema,
    last: segmentNumberSchema,
  }),
]);
/** See {@link shownEntrySchema}. */
export type ShownEntry = z.infer<typeof shownEntrySchema>;

/** One that tells places. */
export type PlacesEntry = Extract<ShownEntry, { readonly t: 'pictures' | 'sound' }>;
/** Whether an entry tells what is shown, or heard, from one place to another. */
export const tellsPlaces = (entry: ShownEntry): entry is PlacesEntry =>
  entry.t === 'pictures' || entry.t === 'sound';

/** See the head of this file. */
export const earlyTaskSchema = z.strictObject({
  channel: channelIdSchema,
  broadcast: segmentNumberSchema,
  n: segmentNumberSchema,
  fps: fpsSchema,
  profile: profileSchema,
  /** Those made here: the pictures, or the sound, or all of them. */
  renditions: z.array(renditionSchema).min(1),
  /** As in `taskSchema`. */
  decoded: pictureSizeSchema.optional(),
  /** As in `taskSchema`: of its pictures only what comes after the last is made here. */
  restarts: restartsSchema.optional(),
  /** What decoding may begin with now; null when nothing of a session is known to be shown. */
  decode: decodeFromSchema.nullable(),
  /** What is shown when the segment begins, if no entry says otherwise. */
  opening: shownPictureSchema,
  /** Read `shown` after this id: all that concerns the segment comes later. */
  after: z.string(),
  /** A segment not finished by then is made elsewhere. */
  deadline: wallClockSchema,
  /** Another worker has it: whoever gets it makes nothing of it, and holds ready what it would need to take it over. */
  isStandby: z.literal(true).optional(),
  /** Nobody goes on with it: viewers wait for what of it is missing. */
  isTakenOver: z.literal(true).optional(),
});
/** See {@link earlyTaskSchema}. */
export type EarlyTask = z.infer<typeof earlyTaskSchema>;

/** How far a worker is with a segment. */
export const earlyProgressSchema = z.strictObject({
  broadcast: int,
  n: segmentNumberSchema,
  /** Parts that are in the hot streams, of every rendition that it makes. */
  parts: int,
  /** Those of its smallest picture and its sound, which are never withheld. */
  leastParts: int,
  worker: z.string(),
  /** Of its encoders: what one tells of an earlier generation than that which counts says nothing. */
  generation: z.int().min(0),
  /** It cannot go on. */
  hasFailed: z.literal(true).optional(),
  /** Its result waits for the origin: there is nothing left to be made. */
  isHandedIn: z.literal(true).optional(),
});
/** See {@link earlyProgressSchema}. */
export type EarlyProgress = z.infer<typeof earlyProgressSchema>;
