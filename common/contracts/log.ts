/**
 * The channel's log: one Redis Stream, one order that decides. Ingest appends what arrived; the scheduler's
 * leader appends marks, for picture and for sound each on its own. A segment is a pure function of this log, the raw
 * frames and the settings.
 */
import { z } from 'zod';
import { admissionSchema } from './admission.ts';
import { fpsSchema, profileSchema } from './channel.ts';
import { renditionSchema } from './rendition.ts';
import { restartSchema } from './restart.ts';
import { shedSchema } from './shed.ts';
import { frameIndexSchema, samplePositionSchema, segmentNumberSchema } from './units.ts';

const int = z.int().min(0);

/** Bits of a video record's `flags`. */
export const FRAME_FLAGS = {
  /** Decoding may start here. */
  start: 1,
  /** The start point is an IDR: no picture after it refers to one before. */
  idr: 2,
  /** The picture is two fields, a field's time apart: the first is shown in its place, the second half-way to the next picture's. */
  fields: 4,
} as const;

/**
 * Sessions begin with this: the feed is mapped to the grid from here on. One that began with sound alone is told again,
 * with its picture, before the first one.
 */
export const sessionEntrySchema = z.strictObject({
  t: z.literal('session'),
  session: z.string().regex(/^[0-9a-z]{1,40}$/),
  slot: z.literal('primary'),
  fps: fpsSchema,
  at: z.number(),
  /** In square pixels. Null: no picture came yet. */
  video: z.strictObject({ width: z.int().positive(), height: z.int().positive() }).nullable(),
  /** Null: no sound came in the first second. */
  audio: z.strictObject({ rate: z.int().positive(), channels: z.int().positive() }).nullable(),
});

/** A coded picture: its place on the grid, the raw chunk that keeps it, its size and its {@link FRAME_FLAGS}. */
const videoRowSchema = z
  .tuple([int, frameIndexSchema, segmentNumberSchema, int, int])
  .transform(([seq, index, chunk, bytes, flags]) => ({ seq, index, chunk, bytes, flags }));
/** See {@link videoRowSchema}. */
export type VideoRow = z.infer<typeof videoRowSchema>;

/** The k-th AAC frame of an unbroken run whose first sample lies at `origin`, the raw chunk that keeps it, and its size. */
const soundRowSchema = z
  .tuple([int, samplePositionSchema, int, int, int, segmentNumberSchema, int])
  .transform(([seq, origin, k, rate, channels, chunk, bytes]) => {
    return { seq, origin, k, rate, channels, chunk, bytes };
  });
/** See {@link soundRowSchema}. */
export type SoundRow = z.infer<typeof soundRowSchema>;

/**
 * Coded frames of one session, in decode order, as they were appended to its hot stream just before.
 * After a whole entry, every frame with an index below the highest seen so far has been appended.
 */
export const framesEntrySchema = z.strictObject({
  t: z.literal('frames'),
  session: z.string(),
  /** In the log each is `[seq, index, chunk, bytes, flags]`. */
  v: z.array(videoRowSchema),
  /** In the log each is `[seq, origin, k, rate, channels, chunk, bytes]`. */
  a: z.array(soundRowSchema),
});

/** The session is over: `clean` when the publisher said so. */
export const endEntrySchema = z.strictObject({
  t: z.literal('end'),
  session: z.string(),
  clean: z.boolean(),
  at: z.number(),
});

const mark = { epoch: int };

/** What a stretch of the broadcast shows. */
export const sourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('session'), session: z.string() }),
  z.strictObject({ kind: z.literal('hold') }),
  z.strictObject({ kind: z.literal('slate') }),
]);

/** Mark: a broadcast begins at segment `broadcast`, with this ladder. */
export const onAirMarkSchema = z.strictObject({
  t: z.literal('on-air'),
  ...mark,
  broadcast: segmentNumberSchema,
  fps: fpsSchema,
  profile: profileSchema.default('standard'),
  renditions: z.array(renditionSchema),
  /** Missing where nothing was known of what the workers can carry. */
  admission: admissionSchema.optional(),
});

/** Mark: from frame `from` on, the broadcast shows `source`. */
export const pictureMarkSchema = z.strictObject({
  t: z.literal('picture'),
  ...mark,
  from: frameIndexSchema,
  source: sourceSchema,
});

/** Mark: from 48 kHz position `from` on, the broadcast's sound is that of `session`, and silence where it has none. */
export const soundMarkSchema = z.strictObject({
  t: z.literal('sound'),
  ...mark,
  from: samplePositionSchema,
  session: z.string(),
});

/** Mark: frames below `frame` are closed; what comes later is late. */
export const pictureClosedMarkSchema = z.strictObject({
  t: z.literal('picture-closed'),
  ...mark,
  frame: frameIndexSchema,
});

/** Mark: sound below 48 kHz position `sample` is closed; what comes later is late. */
export const soundClosedMarkSchema = z.strictObject({
  t: z.literal('sound-closed'),
  ...mark,
  sample: samplePositionSchema,
});

/** Mark: from a segment on these renditions are withheld; it stands well before its segment begins. */
export const shedMarkSchema = shedSchema.extend({
  t: z.literal('shed'),
  ...mark,
  broadcast: segmentNumberSchema,
});

/** Mark: the encoders of segment `n` begin anew; it stands before anything that they make. */
export const restartMarkSchema = restartSchema.extend({
  t: z.literal('restart'),
  ...mark,
  broadcast: segmentNumberSchema,
  n: segmentNumberSchema,
});

/** Mark: the broadcast's last segment is `last`. */
export const offAirMarkSchema = z.strictObject({
  t: z.literal('off-air'),
  ...mark,
  broadcast: segmentNumberSchema,
  last: segmentNumberSchema,
});

/** Any entry of the log. */
export const logEntrySchema = z.discriminatedUnion('t', [
  sessionEntrySchema,
  framesEntrySchema,
  endEntrySchema,
  onAirMarkSchema,
  pictureMarkSchema,
  soundMarkSchema,
  pictureClosedMarkSchema,
  soundClosedMarkSchema,
  shedMarkSchema,
  restartMarkSchema,
  offAirMarkSchema,
]);
/** See {@link logEntrySchema}. */
export type LogEntry = z.infer<typeof logEntrySchema>;
/** What ingest appends. */
export type IngestEntry = Extract<LogEntry, { t: 'session' | 'frames' | 'end' }>;
/** What the leader appends. */
export type MarkEntry = Exclude<LogEntry, IngestEntry>;
/** See {@link sourceSchema}. */
export type Source = z.infer<typeof sourceSchema>;

/** An entry as the log has it: what {@link logEntrySchema} reads from its JSON. */
export function logText(entry: LogEntry): string {
  if (entry.t !== 'frames') {
    return JSON.stringify(entry);
  }
  const written: z.input<typeof framesEntrySchema> = {
    t: entry.t,
    session: entry.session,
    v: entry.v.map((row) => [row.seq, row.index, row.chunk, row.bytes, row.flags]),
    a: entry.a.map(({ seq, origin, k, rate, channels, chunk, bytes }) => {
      return [seq, origin, k, rate, channels, chunk, bytes];
    }),
  };
  return JSON.stringify(written);
}
