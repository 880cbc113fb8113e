/** The transcoder's settings. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { anyNumber, baseSettings, wholeNumber } from '#common/config';

/** A worker's environment. */
export const transcoderSettings = baseSettings.extend({
  /** Names the worker in results and in the control room; unique. Unset: random. */
  WORKER_ID: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9-]{0,39}$/,
      'must be 1 to 40 of a-z, 0-9 and -, not beginning with a dash',
    )
    .default(() => `w-${randomBytes(4).toString('hex')}`),
  /** ffmpeg's name or path. */
  FFMPEG: z.string().default('ffmpeg'),
  /** Cores that the workers of this machine may take together. Unset: what other programs leave of the machine's. */
  TRANSCODE_CORES: anyNumber(0.1, 1024).optional(),
  /** Real seconds that one task may take. */
  TASK_MAX_SECONDS: anyNumber(1, 600).default(60),
  /** Address space of one ffmpeg, MiB. */
  FFMPEG_MEMORY_MIB: wholeNumber(512, 65_536).default(4_096),
});
/** See {@link transcoderSettings}. */
export type TranscoderConfig = z.output<typeof transcoderSettings>;
