/** Raw chunks: what a session delivered for segment `n`, kept for ever, and the record that says how to read it. */
import { z } from 'zod';
import { fpsSchema } from './channel.ts';
import { frameIndexSchema, samplePositionSchema, segmentNumberSchema } from './units.ts';

const int = z.int();

/** One row per coded frame, in order of arrival. `offset` and `size` locate its bytes in the MP4. */
export const rawFrameSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('video'),
    seq: int.min(0),
    offset: int.min(0),
    size: int.min(0),
    index: frameIndexSchema,
    dts: int,
    flags: int.min(0),
    /** The publisher's own timestamps, milliseconds, and when it arrived on our clock. */
    source: z.strictObject({ dts: z.number(), pts: z.number(), arrival: z.number() }),
  }),
  z.strictObject({
    kind: z.literal('audio'),
    seq: int.min(0),
    offset: int.min(0),
    size: int.min(0),
    origin: samplePositionSchema,
    k: int.min(0),
    rate: int.positive(),
    channels: int.positive(),
    /** AudioSpecificConfig, hex. */
    config: z.string(),
    source: z.strictObject({ dts: z.number(), arrival: z.number() }),
  }),
]);
/** See {@link rawFrameSchema}. */
export type RawFrame = z.infer<typeof rawFrameSchema>;

/** `raw/<channel>/<session>/<n>.json`. */
export const rawRecordSchema = z.strictObject({
  channel: z.string(),
  session: z.string(),
  n: segmentNumberSchema,
  fps: fpsSchema,
  bytes: int.min(0),
  sha256: z.string(),
  frames: z.array(rawFrameSchema),
});
/** See {@link rawRecordSchema}. */
export type RawRecord = z.infer<typeof rawRecordSchema>;

/** Job of in_MQ: this raw chunk and its record are in the store. Job id `<channel>-<session>-<n>`. */
export const chunkJobSchema = z.strictObject({
  channel: z.string(),
  session: z.string(),
  n: segmentNumberSchema,
  firstSeq: int.min(0),
  lastSeq: int.min(0),
});
/** See {@link chunkJobSchema}. */
export type ChunkJob = z.infer<typeof chunkJobSchema>;
