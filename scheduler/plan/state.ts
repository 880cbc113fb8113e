/**
 * What the scheduler knows of one channel: the fold of its log. It is plain data, so that it can be written down
 * beside the log and read again; it is bounded, because what no later segment can need is dropped as segments close.
 */
import { z } from 'zod';
import { admissionSchema } from '#common/contracts/admission';
import { fpsSchema, profileSchema } from '#common/contracts/channel';
import { sourceSchema } from '#common/contracts/log';
import { renditionSchema } from '#common/contracts/rendition';
import { restartSchema } from '#common/contracts/restart';
import { shedSchema } from '#common/contracts/shed';
import {
  frameIndexSchema,
  millisecondsSchema,
  samplePositionSchema,
  segmentNumberSchema,
} from '#common/contracts/units';
import { least, milliseconds, segmentNumber, type SegmentNumber } from '#common/time';

const int = z.int();

/** A coded picture, as the log told it. */
const videoPlaceSchema = z.strictObject({
  seq: int,
  index: frameIndexSchema,
  chunk: segmentNumberSchema,
  flags: int,
  /** It came after its place was closed: decoded if others need it, never shown. */
  late: z.boolean(),
});
/** See {@link videoPlaceSchema}. */
export type VideoPlace = z.infer<typeof videoPlaceSchema>;

/** A coded AAC frame, as the log told it. */
const soundPlaceSchema = z.strictObject({
  seq: int,
  origin: samplePositionSchema,
  k: int,
  rate: int,
  channels: int,
  chunk: segmentNumberSchema,
  late: z.boolean(),
});
/** See {@link soundPlaceSchema}. */
export type SoundPlace = z.infer<typeof soundPlaceSchema>;

/** One publish into the channel. */
const sessionStateSchema = z.strictObject({
  session: z.string(),
  fps: fpsSchema,
  /** Size of its first picture; null before that. */
  picture: z.strictObject({ width: int, height: int }).nullable(),
  /** Frames in decode order. */
  video: z.array(videoPlaceSchema),
  sound: z.array(soundPlaceSchema),
  /** Highest seq folded of each track: what comes again after a broken connection is known already. */
  lastSeq: z.strictObject({ video: int, sound: int }),
  /** Highest index passed, and highest that was not late; -1 before the first. */
  highest: int,
  lastShown: int,
  /** 48 kHz position where its sound ends; 0 before the first. */
  soundEnd: samplePositionSchema,
  /** How far the other track had passed a picture's time, or sound's, when it was told: the most so far, of each. */
  behind: z
    .strictObject({ pictures: millisecondsSchema, sound: millisecondsSchema })
    // A checkpoint of a moment ago may be from before this was noted.
    .default({ pictures: milliseconds(0), sound: milliseconds(0) }),
  ended: z.strictObject({ clean: z.boolean(), at: z.number() }).nullable(),
  /** It belonged to a broadcast that is over, and never opens another. */
  spent: z.boolean(),
});
/** See {@link sessionStateSchema}. */
export type SessionState = z.infer<typeof sessionStateSchema>;

const airStateSchema = z.strictObject({
  broadcast: segmentNumberSchema,
  fps: fpsSchema,
  profile: profileSchema.default('standard'),
  renditions: z.array(renditionSchema),
  admission: admissionSchema.optional(),
  /** What was decided to be withheld, in the order of its numbers. A checkpoint of a moment ago may be from before this. */
  sheds: z.array(shedSchema).default([]),
  /** Where encoders began anew, of the last segments in which any did, in order. */
  restarts: z.array(restartSchema.extend({ n: segmentNumberSchema })).default([]),
  /** Marks of what is shown, from which frame on, in order; what went before is dropped. */
  pictures: z.array(z.strictObject({ from: frameIndexSchema, source: sourceSchema })),
  /** Marks of what is heard, from which 48 kHz position on, likewise. */
  sounds: z.array(z.strictObject({ from: samplePositionSchema, session: z.string() })),
  /** The next segment whose picture, and whose sound, is to be closed. */
  next: z.strictObject({ picture: segmentNumberSchema, sound: segmentNumberSchema }),
  /** The last closed marks. */
  closed: z.strictObject({ frame: frameIndexSchema, sample: samplePositionSchema }),
});
/** The broadcast on air. */
export type AirState = z.infer<typeof airStateSchema>;

/** See the head of this file. */
export const channelStateSchema = z.strictObject({
  /** In order of their beginning. */
  sessions: z.array(sessionStateSchema),
  air: airStateSchema.nullable(),
  /** The lowest number the next broadcast may take: numbers never go back. */
  floor: segmentNumberSchema,
});
/** See {@link channelStateSchema}. */
export type ChannelState = z.infer<typeof channelStateSchema>;

/** A channel without any history, or whose past broadcasts end below `floor`. */
export const emptyChannel = (floor = segmentNumber(0)): ChannelState => {
  return { sessions: [], air: null, floor };
};

/** The next segment of which not both picture and sound are closed. */
export const nextSegment = ({ next }: AirState): SegmentNumber => least(next.picture, next.sound);

/** A session by its id. */
export const sessionOf = (state: ChannelState, session: string): SessionState | undefined =>
  state.sessions.find((candidate) => candidate.session === session);
