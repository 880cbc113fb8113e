/** One task, its coded input at hand, to finished segments. */
import type { AudioRendition, VideoRendition } from '#common/contracts/rendition';
import type { Task } from '#common/contracts/task';
import { aacFramesOfFragment, divisionOf } from '#common/division';
import { firstFrame, gridOf, type Grid } from '#common/grid';
import type { SegmentNumber } from '#common/time';
import { frameSizeOf, segmentOf } from './early/low-segment.ts';
import type { FrameSize } from './early/picture-commands.ts';
import type { RenditionFragment } from './early/picture-encoder.ts';
import { makeWholePictures } from './early/whole-pictures.ts';
import { composeArguments, joinCommands, type Command } from './ffmpeg/compose.ts';
import { globalOptions } from './ffmpeg/options.ts';
import { pictureCommand } from './ffmpeg/picture-command.ts';
import { runFfmpeg, type RunLimits } from './ffmpeg/run.ts';
import { soundCommand, type Taken } from './ffmpeg/sound-command.ts';
import { pictureSegment, soundSegment, type MadeSegment } from './made-segment.ts';
import { writePictureInput } from './picture-input.ts';
import { planPictures, type PictureSource } from './picture-plan.ts';
import { writeSoundInput } from './sound-input.ts';
import { planSound, type SoundPlan, type SoundSource } from './sound-plan.ts';

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
  /** Viewers wait for each frame: its processes do not stand back behind others, as those of what is made afterwards do. */
  readonly isOnTime?: boolean;
}

/** What a task makes. */
export interface Transcoded {
  readonly segments: readonly MadeSegment[];
  /** JPEG of the segment's first picture. */
  readonly preview: Buffer | undefined;
}

/** What one ffmpeg process does for a part of the task, and what becomes of its outputs. */
interface Part {
  readonly command: Omit<Command, 'global'>;
  readonly inputs: ReadonlyMap<number, Uint8Array>;
  readonly outputs: readonly number[];
  readonly finish: (outputOf: (descriptor: number) => Buffer) => Transcoded;
}

/** First descriptor free for pipes: 0 is the pictures' input, 1 is unused, 2 is for errors. */
const FIRST_DESCRIPTOR = 3;

/**
 * Makes every rendition of the task's segment. The bytes depend on task, input and encoder alone. One process makes
 * pictures and sound: starting an ffmpeg costs a twentieth of what a segment costs.
 * @throws PipelineError as {@link runFfmpeg} does; `INPUT_MISSING`, `BAD_MEDIA` when the input does not suffice
 */
export async function transcode(
  task: Pick<Task, 'n' | 'fps' | 'renditions'>,
  input: TaskInput,
  encoder: Encoder,
  signal?: AbortSignal,
): Promise<Transcoded> {
  const grid = gridOf(task.fps);
  const { n } = task;
  const video = task.renditions.filter((rendition) => rendition.kind === 'video');
  const parts: Part[] = video.length > 0 ? [picturePart(grid, n, video, input.pictures)] : [];
  for (const rendition of task.renditions) {
    if (rendition.kind === 'audio') {
      const plan = planSound(grid, n, input.sounds);
      parts.push(soundPart(plan, rendition, takenBy(parts), [plan.count]));
    }
  }
  return runParts(parts, encoder, signal);
}

/** What {@link transcodeFragments} needs besides. */
export interface FragmentsOptions {
  /** The slate, decoded. */
  readonly slate: (size: FrameSize) => Promise<Buffer>;
  readonly signal: AbortSignal;
}

/**
 * The same for a low-latency profile: the fragments that are made on time, byte for byte.
 * @throws PipelineError as {@link transcode} does
 */
export async function transcodeFragments(
  task: Pick<Task, 'n' | 'fps' | 'profile' | 'renditions' | 'decoded' | 'restarts'>,
  input: TaskInput,
  encoder: Encoder,
  { slate, signal }: FragmentsOptions,
): Promise<Transcoded> {
  const grid = gridOf(task.fps);
  const division = divisionOf(grid, task.profile);
  const n = task.n;
  const plan = planSound(grid, n, input.sounds);
  const sizes = Array.from({ length: division.fragments }, (_, k) => {
    const { first, end } = aacFramesOfFragment(grid, division, n, k);
    return end - first;
  });
  const parts: Part[] = [];
  for (const rendition of task.renditions) {
    if (rendition.kind === 'audio') {
      parts.push(soundPart(plan, rendition, takenBy(parts), sizes));
    }
  }
  const renditions = task.renditions.filter((rendition) => rendition.kind === 'video');
  const size = frameSizeOf(task);
  const fragments: RenditionFragment[] = [];
  const [preview, sound] = await Promise.all([
    makeWholePictures(
      { grid, profile: task.profile, n, renditions, size, restarts: task.restarts },
      input.pictures,
      {
        encoder,
        signal,
        slate: () => slate(size),
        onFragment: (fragment) => {
          fragments.push(fragment);
        },
      },
    ),
    parts.length > 0 ? runParts(parts, encoder, signal) : undefined,
  ]);
  const pictures = renditions.map((rendition) => segmentOf(grid, n, rendition, fragments));
  return { segments: [...pictures, ...(sound?.segments ?? [])], preview };
}

async function runParts(
  parts: readonly Part[],
  encoder: Encoder,
  signal: AbortSignal | undefined,
): Promise<Transcoded> {
  const command = joinCommands(parts.map((part) => part.command));
  const outputs = await runFfmpeg({
    program: encoder.program,
    args: composeArguments({ global: globalOptions(encoder.arch), ...command }),
    inputs: new Map(parts.flatMap((part) => [...part.inputs])),
    outputs: parts.flatMap((part) => part.outputs),
    limits: encoder.limits,
    signal,
  });
  const finished = parts.map((part) =>
    part.finish((descriptor) => outputs.get(descriptor) ?? Buffer.alloc(0)),
  );
  return {
    segments: finished.flatMap(({ segments }) => segments),
    preview: finished.find(({ preview }) => preview !== undefined)?.preview,
  };
}

function takenBy(parts: readonly Part[]): Taken {
  const descriptors = parts.flatMap((part) => [...part.inputs.keys(), ...part.outputs]);
  return {
    inputs: parts.reduce((sum, part) => sum + part.inputs.size, 0),
    descriptor: Math.max(FIRST_DESCRIPTOR - 1, ...descriptors) + 1,
  };
}

function picturePart(
  grid: Grid,
  n: SegmentNumber,
  renditions: readonly VideoRendition[],
  sources: readonly PictureSource[],
): Part {
  const plan = planPictures(grid, firstFrame(grid, n), sources);
  const input = writePictureInput(plan);
  const made = pictureCommand(grid, plan, input.pictures, renditions);
  return {
    command: made.command,
    inputs: new Map([[0, input.bytes]]),
    outputs: [...made.descriptors.values(), made.previewDescriptor],
    finish: (outputOf) => ({
      segments: renditions.map((rendition) =>
        pictureSegment(grid, n, rendition, outputOf(made.descriptors.get(rendition.id) ?? -1)),
      ),
      preview: outputOf(made.previewDescriptor),
    }),
  };
}

function soundPart(
  plan: SoundPlan,
  rendition: AudioRendition,
  taken: Taken,
  sizes: readonly number[],
): Part {
  const { command, inputs, outputDescriptor } = soundCommand(plan, rendition, taken);
  return {
    command,
    inputs: new Map(inputs.map(({ descriptor, piece }) => [descriptor, writeSoundInput(piece)])),
    outputs: [outputDescriptor],
    finish: (outputOf) => ({
      segments: [soundSegment(plan, rendition, outputOf(outputDescriptor), sizes)],
      preview: undefined,
    }),
  };
}
