/**
 * The pictures of one segment encoded as its frames come, all renditions in one process, out as fragments. It is started
 * before the segment begins; the bytes depend on the frames alone, not on when they come.
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
import { encodeCommand, type EncodeCommand, type FrameSize } from './picture-commands.ts';

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
  readonly #ffmpeg: FfmpegProcess;
  readonly #input: Writable;
  readonly #outputs: readonly RenditionOutput[];
  readonly #preview: Buffer[] = [];

  private constructor(
    ffmpeg: FfmpegProcess,
    command: EncodeCommand,
    outputs: readonly RenditionOutput[],
  ) {
    this.#ffmpeg = ffmpeg;
    this.#input = ffmpeg.input(command.input);
    this.#outputs = outputs;
    ffmpeg.output(command.preview).on('data', (piece: Buffer) => {
      this.#preview.push(piece);
    });
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
    const { grid, size, renditions } = segment;
    const { program, arch, limits } = encoder;
    const command = encodeCommand(grid, size, renditions, arch);
    const ffmpeg = startFfmpeg({
      program,
      args: command.args,
      inputs: [command.input],
      outputs: [...command.outputs.values(), command.preview],
      limits,
      signal,
    });
    const outputs = renditions.map((rendition) => {
      const output = new RenditionOutput(segment, rendition, onFragment);
      ffmpeg.output(command.outputs.get(rendition.id) ?? -1).on('data', (piece: Buffer) => {
        try {
          output.take(piece);
        } catch (error) {
          ffmpeg.stop(
            error instanceof PipelineError
              ? error
              : new PipelineError('ENCODER_FAILED', `${rendition.id}: unreadable`, {
                  cause: error,
                }),
          );
        }
      });
      return output;
    });
    return new PictureEncoder(ffmpeg, command, outputs);
  }

  /** Gives it the next frame; resolves when it may be given another. The frame must not change afterwards. */
  async write(frame: Buffer): Promise<void> {
    if (!this.#input.write(frame) && !this.#input.destroyed) {
      await Promise.race([once(this.#input, 'drain'), this.#ffmpeg.done.catch(() => undefined)]);
    }
  }

  /**
   * All frames are given: resolves when all fragments are out.
   * @returns JPEG of the first picture
   * @throws PipelineError `ENCODER_FAILED` unless every rendition has all its fragments
   */
  async finish(): Promise<Buffer> {
    this.#input.end();
    await this.#ffmpeg.done;
    for (const output of this.#outputs) {
      output.checkWhole();
    }
    return Buffer.concat(this.#preview);
  }

  /** Rejects when it ends before its time; resolves with its end. */
  get done(): Promise<void> {
    return this.#ffmpeg.done;
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
