/** What services tell about themselves, for status, readiness and the control room. */
import { z } from 'zod';

/** A warning an operator can act on. */
export const warningSchema = z.strictObject({ code: z.string(), message: z.string() });
/** See {@link warningSchema}. */
export type Warning = z.infer<typeof warningSchema>;

/** Code of the warning that says why a publisher was sent away; told for a while after it is gone. */
export const FEED_REFUSED = 'FEED_REFUSED';

/** Ingest's view of a channel's feed, refreshed about once a second while a publisher is connected. */
export const feedStatusSchema = z.strictObject({
  slot: z.literal('primary'),
  connected: z.boolean(),
  session: z.string(),
  at: z.number(),
  bitrateBps: z.number(),
  fps: z.number(),
  keyframeSeconds: z.number().nullable(),
  width: z.int(),
  height: z.int(),
  encoder: z.string(),
  warnings: z.array(warningSchema),
});
/** See {@link feedStatusSchema}. */
export type FeedStatus = z.infer<typeof feedStatusSchema>;

/** The origin's view of a channel. */
export const originStatusSchema = z.strictObject({
  broadcast: z.int(),
  renditions: z.array(z.strictObject({ id: z.string(), published: z.int(), lagMs: z.number() })),
});
/** See {@link originStatusSchema}. */
export type OriginStatus = z.infer<typeof originStatusSchema>;

/** A running service: `GET /v1/services`. Gone from the list when `at` is older than 10 s. */
export const serviceRecordSchema = z.strictObject({
  id: z.string(),
  service: z.enum(['ingest', 'control', 'scheduler', 'transcoder', 'aggregator', 'edge']),
  url: z.string(),
  pid: z.int(),
  ready: z.boolean(),
  startedAt: z.number(),
  at: z.number(),
  /** What a worker does right now, or an edge's public address. */
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});
/** See {@link serviceRecordSchema}. */
export type ServiceRecord = z.infer<typeof serviceRecordSchema>;
