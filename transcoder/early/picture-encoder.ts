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

/** What is encoded, whatever segment it is of. */
export type PictureKind = Omit<SegmentPictures, 'n'>;

/** What an encoder works for. */
export interface PictureEncoderDeps {
  readonly signal: AbortSignal;
  readonly onFragment: (fragment: RenditionFragment) => void;
}

/** An encoder that may not be started yet. */
export interface EncoderStart {
  /** Ids of those that it makes. */
  readonly renditions: readonly string[];
  /** It was held ready: nothing is to be started. */
  readonly isStarted: boolean;
  readonly start: () => PictureEncoder;
}

/** See the head of this file. One ffmpeg that encodes some of the renditions; it may be started before it is known of which segment. */
export class PictureEncoder {
  readonly #ffmpeg: FfmpegProcess;
  readonly #input: Writable;
  readonly #outputs: readonly RenditionOutput[];
  readonly #preview: Buffer[] = [];
  readonly #wallMs: number | undefined;

  /** As many as a segment's renditions need, the one with the largest first, which makes the preview: what starts each. */
  static all(kind: PictureKind, encoder: Encoder): readonly EncoderStart[] {
    const groups = encoderGroups(kind.grid, kind.renditions);
    return groups.map((renditions, i) => ({
      renditions: renditions.map(({ id }) => id),
      isStarted: false,
      start: () => new PictureEncoder({ ...kind, renditions }, i === 0, encoder),
    }));
  }

  private constructor(
    kind: PictureKind,
    hasPreview: boolean,
    { program, arch, limits, isOnTime = false }: Encoder,
  ) {
    const { grid, size, renditions } = kind;
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
      limits: { ...limits, wallMs: undefined },
    });
    this.#wallMs = limits.wallMs;
    // Who waits for it does so later.
    this.#ffmpeg.done.catch(() => undefined);
    this.#input = this.#ffmpeg.input(command.input);
    this.#outputs = renditions.map((rendition) => {
      const output = new RenditionOutput(grid, rendition);
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

  /** From now on it encodes that segment, until it is told to stop. */
  begin({ profile, n }: SegmentPictures, { signal, onFragment }: PictureEncoderDeps): void {
    const stop = (): void => {
      this.stop();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (this.#wallMs !== undefined) {
      this.#ffmpeg.limitTime(this.#wallMs);
    }
    for (const output of this.#outputs) {
      output.begin(profile, n, onFragment);
    }
  }

  /** Nobody needs it. */
  stop(): void {
    this.#ffmpeg.stop(new PipelineError('ABORTED', 'ffmpeg was stopped'));
  }

  /** It is late, and stands back behind what is on time. */
  standBack(): void {
    this.#ffmpeg.standBack();
  }

  /** Gives it the next frame, which it holds for as long as it needs it; resolves when it may be given another. */
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

  /**
   * All frames are given: resolves when all fragments are out.
   * @returns JPEG of the first picture, of the one that makes it
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
  #fragments: FragmentWriter | undefined;
  #onFragment = (_fragment: RenditionFragment): void => undefined;
  #init: Buffer | undefined;
  #toLeaveOut = WARM_UP_PICTURES;

  constructor(grid: Grid, rendition: VideoRendition) {
    this.#rendition = rendition;
    this.#grid = grid;
  }

  begin(
    profile: Profile,
    n: SegmentNumber,
    onFragment: (fragment: RenditionFragment) => void,
  ): void {
    const grid = this.#grid;
    const { fragmentFrames, fragments } = divisionOf(grid, profile);
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
    if (this.#fragments?.isWhole !== true) {
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
    const fragment = this.#fragments?.push({
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
