/** A channel: what its owner sets. Kept in the store, mirrored in Redis, created by the control API. */
import { z } from 'zod';
import { FPS_NAMES } from '../grid.ts';

/** Channel ids, as in DESIGN §6. */
export const channelIdSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}$/,
    'must be 1 to 63 of a-z, 0-9 and -, not beginning with a dash',
  );

/** A frame rate of the grid's table. */
export const fpsSchema = z.enum(FPS_NAMES);

/** How far behind viewers are (DESIGN §1): whole segments, parts, or single fragments. */
export const PROFILES = ['standard', 'low', 'instant'] as const;
/** See {@link PROFILES}. */
export const profileSchema = z.enum(PROFILES);
/** See {@link PROFILES}. */
export type Profile = z.infer<typeof profileSchema>;

/** The profile of a channel whose owner sets none. */
export const DEFAULT_PROFILE: Profile = 'low';

/** x264 presets a ladder may ask for. */
export const PRESETS = ['ultrafast', 'superfast', 'veryfast', 'faster', 'fast', 'medium'] as const;

/**
 * A ladder as its owner writes it: heights with their peak bit rates, one sound, one preset. `height` is the shorter
 * edge of the picture: 720 is 1280x720 for a source that lies, 720x1280 for one that stands.
 */
export const ladderSchema = z.strictObject({
  video: z
    .array(
      z.strictObject({
        height: z.int().min(90).max(2160).multipleOf(2),
        maxBitrateBps: z.int().min(50_000).max(40_000_000),
      }),
    )
    .min(1)
    .max(6)
    .refine((video) => new Set(video.map((v) => v.height)).size === video.length, {
      message: 'heights must differ',
    }),
  audio: z.strictObject({ bitrateBps: z.int().min(32_000).max(320_000).multipleOf(1000) }),
  preset: z.enum(PRESETS).default('veryfast'),
});
/** See {@link ladderSchema}. */
export type Ladder = z.infer<typeof ladderSchema>;

/** The ladder of a channel whose owner set none. */
export const DEFAULT_LADDER: Ladder = {
  video: [
    { height: 1080, maxBitrateBps: 6_000_000 },
    { height: 720, maxBitrateBps: 3_500_000 },
    { height: 480, maxBitrateBps: 1_600_000 },
    { height: 360, maxBitrateBps: 900_000 },
  ],
  audio: { bitrateBps: 128_000 },
  preset: 'veryfast',
};

/** Importance of a channel whose owner set none. */
export const DEFAULT_PRIORITY = 50;

/** A channel's record. `fps` is null until its first feed decides it. */
export const channelSchema = z.strictObject({
  id: channelIdSchema,
  name: z.string().min(1).max(200),
  fps: fpsSchema.nullable(),
  profile: profileSchema,
  ladder: ladderSchema,
  /** A broadcast begins with the whole ladder, also where the workers cannot carry it. */
  fixedLadder: z.boolean().default(false),
  /** The higher the more important: where not all can be made, the least important gives something up first. */
  priority: z.int().min(0).max(100).default(DEFAULT_PRIORITY),
  dvrSeconds: z.int().min(10).max(86_400),
  reconnectSeconds: z.int().min(0).max(3_600),
  /** SHA-256 of the stream key, hex. */
  streamKeyHash: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: z.iso.datetime(),
});
/** See {@link channelSchema}. */
export type Channel = z.infer<typeof channelSchema>;
