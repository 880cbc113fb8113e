/** A channel as operators see it: what its owner set, what is on air, and what its services tell. */
import { z } from 'zod';
import { channelIdSchema, channelSchema, fpsSchema } from './channel.ts';
import { feedStatusSchema, warningSchema } from './status.ts';
import { viewersViewSchema } from './viewer-latency.ts';

/** A channel as the API shows it: without its key's hash. */
export const channelViewSchema = channelSchema
  .omit({ streamKeyHash: true })
  .extend({ onAir: z.boolean() });
/** See {@link channelViewSchema}. */
export type ChannelView = z.infer<typeof channelViewSchema>;

/** A slot's feed. */
export const feedViewSchema = feedStatusSchema.omit({ session: true, at: true, warnings: true });
/** See {@link feedViewSchema}. */
export type FeedView = z.infer<typeof feedViewSchema>;

/** How far a rendition is. */
export const renditionViewSchema = z.strictObject({
  id: z.string(),
  /** Of the picture as it is, in pixels: `v720` of an upright source is 720 wide and 1280 high. */
  width: z.int().optional(),
  height: z.int().optional(),
  /** Number of the newest published segment. */
  published: z.int().nullable(),
  /** From a segment's end on the grid to its publication; grows while the next one is overdue. */
  lagMs: z.number().nullable(),
  /** It is withheld, or about to be, because more was to be made than the workers carry. */
  withheld: z
    .strictObject({
      /** The first segment without it, and when that began, milliseconds since the epoch. */
      from: z.int(),
      since: z.number(),
      reason: z.string(),
      /** What would bring it back. */
      back: z.string(),
    })
    .optional(),
});
/** See {@link renditionViewSchema}. */
export type RenditionView = z.infer<typeof renditionViewSchema>;

/** Answer of `GET /v1/channels/:id/status`. */
export const statusViewSchema = z.strictObject({
  id: channelIdSchema,
  onAir: z.boolean(),
  broadcast: z.int().nullable(),
  fps: fpsSchema.nullable(),
  profile: z.string(),
  renditions: z.array(renditionViewSchema),
  feeds: z.array(feedViewSchema),
  /** Tasks given out and not finished, as the leader counts them. */
  unfinished: z.int(),
  /** Segment number of the feed's newest raw chunk in the store. */
  rawStored: z.int().nullable(),
  /** What its viewers' players tell; null while none does. */
  viewers: viewersViewSchema.nullable(),
  warnings: z.array(warningSchema),
});
/** See {@link statusViewSchema}. */
export type StatusView = z.infer<typeof statusViewSchema>;
