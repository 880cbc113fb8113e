/** The transcoder's settings. */
import { z } from 'zod';
import { baseSettings } from '../common/config.ts';

/** The transcoder's environment. */
export const transcoderSettings = baseSettings.extend({
  /** Unique among all workers; made up when unset. */
  WORKER_ID: z
    .string()
    .regex(/^[A-Za-z0-9_]{1,40}$/, 'must be 1 to 40 of A-Z, a-z, 0-9 and _')
    .optional(),
  /** The ffmpeg to run: a path, or a name looked up in PATH. */
  FFMPEG_PATH: z.string().min(1).default('ffmpeg'),
  /** One run of ffmpeg longer than this is stopped, real milliseconds. */
  FFMPEG_WALL_MS: z.coerce.number().int().min(1_000).max(600_000).default(60_000),
  /** Address space of one ffmpeg, MiB. */
  FFMPEG_MEMORY_MIB: z.coerce.number().int().min(512).max(65_536).default(4_096),
});
/** See {@link transcoderSettings}. */
export type TranscoderConfig = z.output<typeof transcoderSettings>;
