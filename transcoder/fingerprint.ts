/** What decides bytes besides the task: ffmpeg's build with its libraries, and the version of our arguments. */
import { createHash } from 'node:crypto';
import { execa } from 'execa';
import { PipelineError } from '../common/errors.ts';

/** Raised whenever arguments, filters or muxing change what comes out. */
const ARGUMENT_VERSION = 1;

const PROBE_TIMEOUT_MS = 10_000;

/**
 * A worker's fingerprint, 16 hex digits; equal fingerprints mean equal bytes.
 * @throws PipelineError `BAD_CONFIG` when ffmpeg is missing or has no libx264 or AAC encoder
 */
export async function readFingerprint(program: string): Promise<string> {
  const ask = async (...args: string[]): Promise<string> => {
    try {
      return (await execa(program, ['-hide_banner', ...args], { timeout: PROBE_TIMEOUT_MS }))
        .stdout;
    } catch (error) {
      throw new PipelineError(
        'BAD_CONFIG',
        `${program} does not run: install ffmpeg with libx264 (npm run doctor shows how)`,
        { cause: error },
      );
    }
  };
  const [version, encoders, x264] = await Promise.all([
    ask('-version'),
    ask('-encoders'),
    ask('-h', 'encoder=libx264'),
  ]);
  for (const encoder of ['libx264', 'aac']) {
    if (!new RegExp(`^ [A-Z.]{6} ${encoder} `, 'm').test(encoders)) {
      throw new PipelineError(
        'BAD_CONFIG',
        `${program} has no ${encoder} encoder: install a build that has (npm run doctor shows how)`,
      );
    }
  }
  return createHash('sha256')
    .update(`${ARGUMENT_VERSION}\n${process.arch}\n${version}\n${x264}`)
    .digest('hex')
    .slice(0, 16);
}
