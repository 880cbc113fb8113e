/** One task, its coded input at hand, to finished segments. Two ffmpeg processes: picture, and sound. */
import type { AudioRendition, VideoRendition } from '../common/contracts/rendition.ts';
import type { Task } from '../common/contracts/task.ts';
import { firstFrame, gridOf, type Grid } from '../common/grid.ts';
import { segmentNumber, type SegmentNumber } from '../common/time.ts';
import { composeArguments } from './ffmpeg/compose.ts';
import { pictureCommand } from './ffmpeg/picture-command.ts';
import { runFfmpeg, type RunLimits } from './ffmpeg/run.ts';
import { soundCommand } from './ffmpeg/sound-command.ts';
import { pictureSegment, soundSegment, type MadeSegment } from './made-segment.ts';
import { writePictureInput } from './picture-input.ts';
import { planPictures, type PictureSource } from './picture-plan.ts';
import { writeSoundInput } from './sound-input.ts';
import { planSound, type SoundSource } from './sound-plan.ts';

/** The coded input of a task: for each of its spans the frames, in order of arrival. */
export interface TaskInput {
  readonly pictures: readonly PictureSource[];
  readonly sounds: readonly SoundSource[];
}

/** How ffmpeg is run. */
export interface Encoder {
  /** Path of ffmpeg. */
  readonly program: string;
  readonly arch: string;
  readonly limits: RunLimits;
}

/** What a task makes. */
export interface Transcoded {
  readonly segments: readonly MadeSegment[];
  /** JPEG of the segment's first picture. */
  readonly preview: Buffer | undefined;
}

/**
 * Makes every rendition of the task's segment. The bytes depend on task, input and encoder alone.
 * @throws PipelineError as {@link runFfmpeg} does; `INPUT_MISSING`, `BAD_MEDIA` when the input does not suffice
 */
export async function transcode(
  task: Pick<Task, 'n' | 'fps' | 'renditions'>,
  input: TaskInput,
  encoder: Encoder,
  signal?: AbortSignal,
): Promise<Transcoded> {
  const grid = gridOf(task.fps);
  const n = segmentNumber(task.n);
  const video = task.renditions.filter((rendition) => rendition.kind === 'video');
  const audio = task.renditions.filter((rendition) => rendition.kind === 'audio');
  // The first failure stops the other processes; nothing is left running behind an error.
  const others = new AbortController();
  const either = signal === undefined ? others.signal : AbortSignal.any([signal, others.signal]);
  const runs = [
    ...(video.length > 0 ? [makePictures(grid, n, video, input.pictures, encoder, either)] : []),
    ...audio.map((rendition) => makeSound(grid, n, rendition, input.sounds, encoder, either)),
  ].map(async (run) => {
    try {
      return await run;
    } catch (error) {
      others.abort();
      throw error;
    }
  });
  const settled = await Promise.allSettled(runs);
  const failed = settled.find((run) => run.status === 'rejected');
  if (failed !== undefined) {
    throw failed.reason;
  }
  const made = settled.flatMap((run) => (run.status === 'fulfilled' ? [run.value] : []));
  return {
    segments: made.flatMap((run) => run.segments),
    preview: made.find((run) => run.preview !== undefined)?.preview,
  };
}

async function makePictures(
  grid: Grid,
  n: SegmentNumber,
  renditions: readonly VideoRendition[],
  sources: readonly PictureSource[],
  encoder: Encoder,
  signal: AbortSignal,
): Promise<Transcoded> {
  const plan = planPictures(grid, firstFrame(grid, n), sources);
  const input = writePictureInput(plan);
  const { command, descriptors, previewDescriptor } = pictureCommand(
    grid,
    plan.startSeconds,
    input.pictures,
    renditions,
  );
  const outputs = await runFfmpeg({
    program: encoder.program,
    args: composeArguments(command),
    inputs: new Map([[0, input.bytes]]),
    outputs: [...descriptors.values(), previewDescriptor],
    limits: encoder.limits,
    signal,
  });
  const outputOf = (descriptor: number | undefined): Buffer =>
    outputs.get(descriptor ?? -1) ?? Buffer.alloc(0);
  return {
    segments: renditions.map((rendition) =>
      pictureSegment(grid, n, rendition, outputOf(descriptors.get(rendition.id))),
    ),
    preview: outputOf(previewDescriptor),
  };
}

async function makeSound(
  grid: Grid,
  n: SegmentNumber,
  rendition: AudioRendition,
  sources: readonly SoundSource[],
  encoder: Encoder,
  signal: AbortSignal,
): Promise<Transcoded> {
  const plan = planSound(grid, n, sources);
  const { command, inputs, outputDescriptor } = soundCommand(plan, rendition, encoder.arch);
  const outputs = await runFfmpeg({
    program: encoder.program,
    args: composeArguments(command),
    inputs: new Map(inputs.map(({ descriptor, piece }) => [descriptor, writeSoundInput(piece)])),
    outputs: [outputDescriptor],
    limits: encoder.limits,
    signal,
  });
  const stream = outputs.get(outputDescriptor) ?? Buffer.alloc(0);
  return { segments: [soundSegment(plan, rendition, stream)], preview: undefined };
}
