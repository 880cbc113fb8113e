/**
 * The pictures of one segment encoded as its frames come, out as fragments. It is started before the segment begins; the
 * bytes depend on the frames alone, not on when they come.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { VideoRendition } from '#common/contracts/rendition';
import { divisionOf } from '#common/division';
import type { Profile } from '#common/contracts/channel';
import { PipelineError } from '#common/errors';
import { firstFrame, type Grid } from '#common/grid';
import { initSegment } from '#common/mp4/write';
import type { SegmentNumber } from '#common/time';
import { FlvPackets, type FlvPacket } from '../ffmpeg/flv-packets.ts';
import { startFfmpeg, type FfmpegProcess } from '../ffmpeg/process.ts';
import type { Encoder } from '../transcode.ts';
import { FragmentWriter, type MadeFragment } from './fragment-writer.ts';
import type { RawFrame } from './raw-frame.ts';
import {
  encodeCommand,
  encoderGroups,
  frameBytes,
  WARM_UP_PICTURES,
  type FrameSize,
} from './picture-commands.ts';

/** A fragment of a rendition, and the init segment that it belongs to. */
export interface RenditionFragment extends MadeFragment {
  readonly rendition: string;
  readonly init: Buffer;
}

/** What is encoded. */
export interface SegmentPictures {
  readonly grid: Grid;
  readonly profile: Profile;
  readonly n: SegmentNumber;
  readonly renditions: readonly VideoRendition[];
  readonly size: FrameSize;
}

/** See the head of this file. */
export class PictureEncoder {
  readonly #processes: readonly EncoderProcess[];
  readonly #done: Promise<unknown>;

  private constructor(processes: readonly EncoderProcess[]) {
    this.#processes = processes;
    this.#done = Promise.all(processes.map(({ done }) => done));
    this.#done.catch(() => undefined);
  }

  /**
   * Starts one.
   * @throws PipelineError `ABORTED`
   */
  static start(
    segment: SegmentPictures,
    encoder: Encoder,
    signal: AbortSignal,
    onFragment: (fragment: RenditionFragment) => void,
  ): PictureEncoder {
    const groups = encoderGroups(segment.grid, segment.renditions);
    return new PictureEncoder(
      groups.map((renditions, i) => {
        const own = { ...segment, renditions };
        return new EncoderProcess(own, encoder, { signal, onFragment, hasPreview: i === 0 });
      }),
    );
  }

  /** Gives it the next frame, which it holds for as long as it needs it; resolves when it may be given another. */
  async write(frame: RawFrame): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.write(frame)));
  }

  /**
   * All frames are given: resolves when all fragments are out.
   * @returns JPEG of the first picture
   * @throws PipelineError `ENCODER_FAILED` unless every rendition has all its fragments
   */
  async finish(): Promise<Buffer> {
    const previews = await Promise.all(this.#processes.map((process) => process.finish()));
    return Buffer.concat(previews);
  }

  /** Rejects when it ends before its time; resolves with its end. */
  async done(): Promise<void> {
    await this.#done;
  }

  /** Resolves when its processes have ended, well or not. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#processes.map(({ done }) => done));
  }
}

interface ProcessOptions {
  readonly signal: AbortSignal;
  readonly onFragment: (fragment: RenditionFragment) => void;
  readonly hasPreview: boolean;
}

/** One ffmpeg that encodes some of the renditions. */
class EncoderProcess {
  readonly #ffmpeg: FfmpegProcess;
  readonly #input: Writable;
  readonly #outputs: readonly RenditionOutput[];
  readonly #preview: Buffer[] = [];

  /** @throws PipelineError `ABORTED` */
  constructor(
    segment: SegmentPictures,
    { program, arch, limits, isOnTime = false }: Encoder,
    { signal, onFragment, hasPreview }: ProcessOptions,
  ) {
    const { grid, size, renditions } = segment;
    const command = encodeCommand(grid, size, renditions, { arch, hasPreview });
    this.#ffmpeg = startFfmpeg({
      isOnTime,
      program,
      args: command.args,
      inputs: [command.input],
      outputs: [
        ...command.outputs.values(),
        ...(command.preview === undefined ? [] : [command.preview]),
      ],
      limits,
      signal,
    });
    this.#input = this.#ffmpeg.input(command.input);
    this.#outputs = renditions.map((rendition) => {
      const output = new RenditionOutput(segment, rendition, onFragment);
      const descriptor = command.outputs.get(rendition.id) ?? -1;
      this.#ffmpeg.output(descriptor).on('data', (piece: Buffer) => {
        this.#take(output, rendition, piece);
      });
      return output;
    });
    for (let i = 0; i < WARM_UP_PICTURES; i += 1) {
      this.#input.write(Buffer.alloc(frameBytes(size)));
    }
    if (command.preview !== undefined) {
      this.#ffmpeg.output(command.preview).on('data', (piece: Buffer) => {
        this.#preview.push(piece);
      });
    }
  }

  async write(frame: RawFrame): Promise<void> {
    frame.hold();
    const goesOn = this.#input.write(frame.data, () => {
      frame.release();
    });
    if (!goesOn && !this.#input.destroyed) {
      // One that has hung up never drains; its end tells why, to whoever waits for that.
      const drained = once(this.#input, 'drain').catch(() => undefined);
      await Promise.race([drained, this.#ffmpeg.done.catch(() => undefined)]);
    }
  }

  async finish(): Promise<Buffer> {
    this.#input.end();
    await this.#ffmpeg.done;
    for (const output of this.#outputs) {
      output.checkWhole();
    }
    return Buffer.concat(this.#preview);
  }

  get done(): Promise<void> {
    return this.#ffmpeg.done;
  }

  #take(output: RenditionOutput, { id }: VideoRendition, piece: Buffer): void {
    try {
      output.take(piece);
    } catch (error) {
      this.#ffmpeg.stop(
        error instanceof PipelineError
          ? error
          : new PipelineError('ENCODER_FAILED', `${id}: unreadable`, { cause: error }),
      );
    }
  }
}

/** One rendition's packets on their way into fragments. */
class RenditionOutput {
  readonly #rendition: VideoRendition;
  readonly #grid: Grid;
  readonly #packets = new FlvPackets();
  readonly #fragments: FragmentWriter;
  readonly #onFragment: (fragment: RenditionFragment) => void;
  #init: Buffer | undefined;
  #toLeaveOut = WARM_UP_PICTURES;

  constructor(
    { grid, profile, n }: SegmentPictures,
    rendition: VideoRendition,
    onFragment: (fragment: RenditionFragment) => void,
  ) {
    const { fragmentFrames, fragments } = divisionOf(grid, profile);
    this.#rendition = rendition;
    this.#grid = grid;
    this.#onFragment = onFragment;
    this.#fragments = new FragmentWriter(
      firstFrame(grid, n) * grid.frameTicks,
      Array.from({ length: fragments }, () => fragmentFrames),
    );
  }

  take(piece: Buffer): void {
    for (const packet of this.#packets.push(piece)) {
      this.#takePacket(packet);
    }
  }

  checkWhole(): void {
    if (!this.#fragments.isWhole) {
      throw new PipelineError('ENCODER_FAILED', `${this.#rendition.id}: fewer frames than given`);
    }
  }

  #takePacket(packet: FlvPacket): void {
    if (packet.kind === 'config') {
      const { width, height } = this.#rendition;
      const { timescale } = this.#grid;
      const { avcC } = packet;
      this.#init ??= initSegment([{ kind: 'video', id: 1, timescale, width, height, avcC }]);
      return;
    }
    if (this.#toLeaveOut > 0) {
      this.#toLeaveOut -= 1;
      return;
    }
    const fragment = this.#fragments.push({
      duration: this.#grid.frameTicks,
      isSync: packet.isKey,
      compositionOffset: 0,
      data: packet.data,
    });
    if (fragment !== undefined && this.#init !== undefined) {
      this.#onFragment({ ...fragment, rendition: this.#rendition.id, init: this.#init });
    }
  }
}
