/** Renditions: the ladder of one broadcast, with everything that decides bytes. */
import { z } from 'zod';
import { PRESETS } from './channel.ts';

/** A picture rendition, for example `v720`: named by its shorter edge, whichever way the picture stands. */
export const videoRenditionSchema = z.strictObject({
  kind: z.literal('video'),
  id: z.string().regex(/^v[0-9]{2,4}$/),
  width: z.int().min(2).max(8192).multipleOf(2),
  height: z.int().min(2).max(8192).multipleOf(2),
  maxBitrateBps: z.int().positive(),
  preset: z.enum(PRESETS),
  /** RFC 6381, for example `avc1.64001f`: profile and level are set, so it is known ahead. */
  codecs: z.string(),
});
/** See {@link videoRenditionSchema}. */
export type VideoRendition = z.infer<typeof videoRenditionSchema>;

/** A sound rendition, for example `a128`: AAC-LC, 48 kHz, stereo. */
export const audioRenditionSchema = z.strictObject({
  kind: z.literal('audio'),
  id: z.string().regex(/^a[0-9]{2,3}$/),
  bitrateBps: z.int().positive(),
  codecs: z.literal('mp4a.40.2'),
});
/** See {@link audioRenditionSchema}. */
export type AudioRendition = z.infer<typeof audioRenditionSchema>;

/** Any rendition. */
export const renditionSchema = z.discriminatedUnion('kind', [
  videoRenditionSchema,
  audioRenditionSchema,
]);
/** See {@link renditionSchema}. */
export type Rendition = z.infer<typeof renditionSchema>;

/** Width and height of pictures. */
export const pictureSizeSchema = z.strictObject({
  width: z.int().min(2).max(8192).multipleOf(2),
  height: z.int().min(2).max(8192).multipleOf(2),
});
/** See {@link pictureSizeSchema}. */
export type PictureSize = z.infer<typeof pictureSizeSchema>;
