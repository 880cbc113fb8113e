/**
 * The pictures of one segment encoded as its frames come, out as fragments. It is started before the segment begins; the
 * bytes depend on the frames alone, not on when they come.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { VideoRendition } from '#common/contracts/rendition';
import { divisionOf, fragmentStart } from '#common/division';
import type { Profile } from '#common/contracts/channel';
import { lastStretch, type Stretch } from '#common/contracts/restart';
import { PipelineError } from '#common/errors';
import type { Grid } from '#common/grid';
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
  /** Undefined: all of it. */
  readonly stretch?: Stretch | undefined;
}

/** What is encoded, whatever segment it is of. */
export type PictureKind = Omit<SegmentPictures, 'n' | 'stretch'>;

/** What an encoder works for. */
export interface PictureEncoderDeps {
  readonly signal: AbortSignal;
  readonly onFragment: (fragment: RenditionFragment) => void;
}

/** An encoder that may not be started yet. */
export interface EncoderStart {
  /** Ids of those that it makes. */
  readonly renditions: readonly string[];
  /** The fragments that it makes of any of them: `[from, to)`. */
  readonly from: number;
  readonly to: number;
  /** It makes a JPEG of the segment's first picture. */
  readonly hasPreview: boolean;
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

  /**
   * As many as what is encoded needs, the one with the largest pictures first, which makes the preview: what starts each.
   * @param held encoders of that kind that were started already
   */
  static all(
    { stretch, ...kind }: PictureKind & Pick<SegmentPictures, 'stretch'>,
    encoder: Encoder,
    held: readonly PictureEncoder[] = [],
  ): readonly EncoderStart[] {
    const { fragments, fragmentFrames } = divisionOf(kind.grid, kind.profile);
    const { from, to } = stretch ?? lastStretch(undefined, fragments);
    return encoderGroups(kind.grid, kind.renditions).flatMap((renditions, i) => {
      const ids = renditions.map(({ id }) => id);
      const lacking = ids.filter((id) => from(id) < to(id));
      const first = Math.min(...lacking.map(from));
      const skipped = new Map(
        ids.map((id) => {
          const begin = lacking.includes(id) ? from(id) : fragments;
          return [id, (begin - first) * fragmentFrames] as const;
        }),
      );
      // One that was started already is given all frames.
      const known = [...skipped.values()].every((frames) => frames === 0) ? held[i] : undefined;
      if (known === undefined) {
        held[i]?.stop();
      }
      const hasPreview = i === 0 && first === 0;
      return lacking.length === 0
        ? []
        : {
            renditions: ids,
            from: first,
            to: Math.max(...lacking.map(to)),
            hasPreview,
            isStarted: known !== undefined,
            start: () =>
              known ??
              new PictureEncoder({ ...kind, renditions }, { hasPreview, skipped }, encoder),
          };
    });
  }

  private constructor(
    kind: PictureKind,
    { hasPreview, skipped }: { hasPreview: boolean; skipped: ReadonlyMap<string, number> },
    { program, arch, limits, isOnTime = false }: Encoder,
  ) {
    const { grid, size, renditions } = kind;
    const command = encodeCommand(grid, size, renditions, { arch, hasPreview, skipped });
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

  /** From now on it encodes that segment, or its stretch of it, until it is told to stop. */
  begin(
    { profile, n, stretch }: SegmentPictures,
    { signal, onFragment }: PictureEncoderDeps,
  ): void {
    const stop = (): void => {
      this.stop();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (this.#wallMs !== undefined) {
      this.#ffmpeg.limitTime(this.#wallMs);
    }
    for (const output of this.#outputs) {
      output.begin(profile, n, stretch, onFragment);
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
    stretch: Stretch | undefined,
    onFragment: (fragment: RenditionFragment) => void,
  ): void {
    const grid = this.#grid;
    const division = divisionOf(grid, profile);
    const { from, to } = stretch ?? lastStretch(undefined, division.fragments);
    const { id } = this.#rendition;
    this.#onFragment = onFragment;
    this.#fragments = new FragmentWriter(
      fragmentStart(grid, division, n, from(id)) * grid.frameTicks,
      Array.from({ length: to(id) }, () => division.fragmentFrames),
      from(id),
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
