/**
 * How fast this machine transcodes: a short piece of the work that tasks are made of, in CPU time and not in time by the
 * clock, so that it tells the same on a machine that is busy.
 */
import { TRIAL_REFERENCE_SECONDS } from '#common/transcode-cost';
import { PipelineError } from '#common/errors';
import { globalOptions } from './ffmpeg/options.ts';
import { runFfmpeg } from './ffmpeg/run.ts';
import type { Encoder } from './transcode.ts';

/** Two seconds of pictures with grain, scaled as renditions are. Changing it changes {@link TRIAL_REFERENCE_SECONDS}. */
const PICTURES = [
  'testsrc2=s=640x360:r=30,noise=alls=8:allf=t:all_seed=1,trim=end_frame=60',
  'scale=w=480:h=270:flags=bicubic+accurate_rnd+bitexact,format=yuv420p[v]',
].join(',');

/** What `-benchmark` says at the end (ffmpeg.c, `print_report` and below), in seconds of CPU. */
const BENCHMARK = /bench: utime=(?<user>[0-9.]+)s stime=(?<system>[0-9.]+)s/;

/**
 * Tries the machine; takes some 0.2 s of CPU.
 * @returns CPU seconds here for what takes one on the machine that costs were measured on
 * @throws PipelineError as {@link runFfmpeg} does
 */
export async function trySlowness(encoder: Encoder, signal?: AbortSignal): Promise<number> {
  const { program, arch, limits } = encoder;
  const said = await runFfmpeg({
    program,
    args: [
      ...globalOptions(arch),
      ...['-loglevel', 'info', '-nostats', '-benchmark', '-filter_complex', PICTURES],
      ...['-map', '[v]', '-c:v', 'libx264', '-threads', '1', '-preset', 'veryfast'],
      ...['-profile:v', 'high', '-g', '60', '-crf', '23', '-maxrate', '900k', '-bufsize', '900k'],
      ...['-x264-params', 'keyint=60:min-keyint=60:scenecut=0:cpu-independent=1'],
      ...['-f', 'mp4', '-movflags', '+cmaf+empty_moov', 'pipe:3'],
    ],
    inputs: new Map(),
    outputs: [2, 3],
    limits,
    signal,
  });
  const { user, system } = BENCHMARK.exec(said.get(2)?.toString('utf8') ?? '')?.groups ?? {};
  const seconds = Number(user) + Number(system);
  if (!(seconds > 0)) {
    throw new PipelineError('ENCODER_FAILED', 'ffmpeg does not tell how long it took');
  }
  return seconds / TRIAL_REFERENCE_SECONDS;
}
