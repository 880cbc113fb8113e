/** What decides bytes besides the task: ffmpeg's build, x264's, and the version of our arguments. */
import { createHash } from 'node:crypto';
import { execa } from 'execa';
import { PipelineError } from '#common/errors';
import { ARGUMENT_VERSION, globalOptions } from './options.ts';
import { runFfmpeg, type RunLimits } from './run.ts';

/** x264 names itself in an SEI message of every stream. */
const X264_NAME = /x264 - core [^-]*/;

/**
 * The path of a program, found the way a shell does; started later with an empty environment it could not be.
 * @throws PipelineError `UNAVAILABLE` when there is none
 */
export async function locateProgram(name: string): Promise<string> {
  const { stdout } = await execa('/bin/sh', ['-c', 'command -v "$1"', 'sh', name], {
    reject: false,
  });
  const path = stdout.trim();
  if (path === '') {
    throw new PipelineError('UNAVAILABLE', `${name} is not installed`);
  }
  return path;
}

/**
 * Asks ffmpeg and x264 what they are.
 * @returns SHA-256, hex
 * @throws PipelineError `ENCODER_FAILED` when ffmpeg has no x264
 */
export async function encoderFingerprint(
  program: string,
  limits: RunLimits,
  arch: string,
): Promise<string> {
  const run = async (args: readonly string[], descriptor: number): Promise<Buffer> => {
    const request = { program, args, inputs: new Map(), outputs: [descriptor], limits };
    return (await runFfmpeg(request)).get(descriptor) ?? Buffer.alloc(0);
  };
  const version = await run(['-version'], 1);
  const stream = await run(
    [
      ...globalOptions(arch),
      ...['-filter_complex', 'color=s=32x32:r=1,trim=end_frame=1[v]', '-map', '[v]'],
      ...['-c:v', 'libx264', '-threads', '1', '-f', 'h264', 'pipe:3'],
    ],
    3,
  );
  const x264 = X264_NAME.exec(stream.toString('latin1'))?.[0];
  if (x264 === undefined) {
    throw new PipelineError('ENCODER_FAILED', 'ffmpeg makes no H.264 with x264');
  }
  return createHash('sha256')
    .update(JSON.stringify([version.toString('utf8'), x264.trim(), arch, ARGUMENT_VERSION]))
    .digest('hex');
}
