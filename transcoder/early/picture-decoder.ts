/**
 * A session's pictures decoded as they come, into raw frames of one size, for every segment that is being made here. One
 * runs on for as long as its session does, so nothing is decoded twice; another begins with every start point whose
 * parameter sets differ.
 */
import type { VideoFrame } from '#common/contracts/frame';
import { PipelineError } from '#common/errors';
import { avcDecoderConfiguration, initSegment, mediaFragment } from '#common/mp4/write';
import type { FrameIndex } from '#common/time';
import { startFfmpeg, type FfmpegProcess, type ProcessLimits } from '../ffmpeg/process.ts';
import type { SourcePicture } from '../source-picture.ts';
import { FrameAssembly, type RawFrame } from './raw-frame.ts';
import {
  DECODER_PIPES,
  decodeArguments,
  frameBytes,
  framePipes,
  PICTURE_KINDS,
  type FrameSize,
} from './picture-commands.ts';

/** The parameter sets that decoding begins with. */
export interface ParameterSets {
  readonly sps: Uint8Array;
  readonly pps: Uint8Array;
}

/** What a decoder works with. */
export interface DecoderRequest {
  readonly program: string;
  readonly arch: string;
  readonly limits: Omit<ProcessLimits, 'wallMs'>;
  readonly isOnTime?: boolean;
  readonly source: SourcePicture;
  readonly parameters: ParameterSets;
  readonly size: FrameSize;
  readonly signal: AbortSignal;
}

/** Ticks between places, and a rate that nothing depends on. */
const PLACE_TICKS = 1_000;
const TIMESCALE = 30_000;
/** Decode times run so far behind: 20 s at 60 fps, which no reordering reaches. */
const DECODE_LEAD = 1_200 * PLACE_TICKS;
/** The two lines of `metadata=print`. */
const TIMESTAMP = /\bpts:(\d+)/;
const KIND = /^kind=(\w+)$/;

/** A picture as it is shown. */
export interface DecodedPicture {
  /** Of two fields the first. */
  readonly frame: RawFrame;
  /** Of two fields the second, which is shown from the place after its own on. */
  readonly second: RawFrame | undefined;
}

/** See the head of this file. Pictures come in presentation order; one that cannot be decoded never comes. */
export class PictureDecoder {
  readonly #ffmpeg: FfmpegProcess;
  readonly #onPicture: (seq: number, picture: DecodedPicture) => void;
  /** Seqs by the timestamps that their pictures will come with. */
  readonly #seqs = new Map<number, number>();
  /** Pictures told, not yet brought together with their frames. */
  readonly #told: { readonly pts: number; readonly isOfFields: boolean }[] = [];
  /** Frames complete, by the pipe that they came by. */
  readonly #frames: ReadonlyMap<number, RawFrame[]>;
  #pts: number | undefined;
  #line = '';
  #first: FrameIndex | undefined;
  #decodeTime = -1;
  #fed = 0;
  /** The last timestamp given in a place, so that two pictures of one place keep their order. */
  #last = { index: -1, pts: 0 };

  /**
   * Starts one.
   * @param onPicture is handed each picture to hold: it releases it
   * @throws PipelineError `ABORTED`
   */
  constructor(
    { program, arch, limits, isOnTime = false, source, parameters, size, signal }: DecoderRequest,
    onPicture: (seq: number, picture: DecodedPicture) => void,
  ) {
    this.#onPicture = onPicture;
    this.#frames = new Map(framePipes(source).map((pipe) => [pipe, []]));
    const assemblies = [...this.#frames].map(([pipe, complete]) => {
      const assembly = new FrameAssembly(frameBytes(size), (frame) => {
        complete.push(frame);
        this.#match();
      });
      return [pipe, assembly] as const;
    });
    this.#ffmpeg = startFfmpeg({
      isOnTime,
      program,
      args: decodeArguments(source, size, arch),
      inputs: [DECODER_PIPES.input],
      outputs: [DECODER_PIPES.lines],
      readInto: new Map(assemblies),
      limits: { ...limits, wallMs: undefined },
      signal,
    });
    this.#ffmpeg.output(DECODER_PIPES.lines).on('data', (piece: Buffer) => {
      this.#takeLines(piece);
    });
    this.#ffmpeg.input(DECODER_PIPES.input).write(
      initSegment([
        {
          kind: 'video',
          id: 1,
          timescale: TIMESCALE,
          width: source.width,
          height: source.height,
          avcC: avcDecoderConfiguration(parameters.sps, parameters.pps),
        },
      ]),
    );
  }

  /**
   * Resolves when it has ended, after {@link end}.
   * @throws PipelineError as an ffmpeg that failed does
   */
  get done(): Promise<void> {
    return this.#ffmpeg.done;
  }

  /** Gives it the next coded picture, in decode order; the first is a start point. */
  feed(frame: VideoFrame): void {
    this.#first ??= frame.index;
    const place = (frame.index - this.#first) * PLACE_TICKS + DECODE_LEAD;
    const pts = frame.index === this.#last.index ? this.#last.pts + 1 : place;
    this.#last = { index: frame.index, pts };
    this.#seqs.set(pts, frame.seq);
    this.#decodeTime = Math.max(this.#decodeTime + 1, pts - DECODE_LEAD);
    this.#fed += 1;
    const sample = {
      duration: 0,
      isSync: this.#fed === 1,
      compositionOffset: pts - this.#decodeTime,
      data: frame.data,
    };
    const runs = [{ trackId: 1, decodeTime: this.#decodeTime, samples: [sample] }];
    this.#ffmpeg.input(DECODER_PIPES.input).write(mediaFragment(this.#fed, runs).bytes);
  }

  /** No more pictures come: those that the decoder still holds are given out. */
  end(): void {
    this.#ffmpeg.input(DECODER_PIPES.input).end();
  }

  /** Stops at once. */
  stop(): void {
    this.#ffmpeg.stop(new PipelineError('ABORTED', 'no segment needs these pictures any more'));
  }

  /** Whether frames are read on: what is not read holds the decoder back. */
  setFlowing(isFlowing: boolean): void {
    for (const pipe of this.#frames.keys()) {
      const frames = this.#ffmpeg.output(pipe);
      if (isFlowing) {
        frames.resume();
      } else {
        frames.pause();
      }
    }
  }

  #takeLines(piece: Buffer): void {
    const lines = (this.#line + piece.toString('latin1')).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) {
      const pts = TIMESTAMP.exec(line)?.[1];
      const kind = KIND.exec(line)?.[1];
      if (pts !== undefined) {
        this.#pts = Number(pts);
      } else if (kind !== undefined && this.#pts !== undefined) {
        this.#told.push({ pts: this.#pts, isOfFields: kind === PICTURE_KINDS.fields });
        this.#pts = undefined;
      }
    }
    this.#match();
  }

  #match(): void {
    for (let next = this.#told[0]; next !== undefined; next = this.#told[0]) {
      const picture = this.#takePicture(next);
      if (picture === undefined) {
        return;
      }
      this.#told.shift();
      const seq = this.#seqs.get(next.pts);
      if (seq === undefined) {
        releasePicture(picture);
      } else {
        this.#forgetUpTo(next.pts);
        this.#onPicture(seq, picture);
      }
    }
  }

  /** The frames of the next picture, if all of them have come. */
  #takePicture({ isOfFields }: { readonly isOfFields: boolean }): DecodedPicture | undefined {
    const { frames, firstFields, secondFields } = DECODER_PIPES;
    if (!isOfFields) {
      const frame = this.#frames.get(frames)?.shift();
      return frame && { frame, second: undefined };
    }
    const first = this.#frames.get(firstFields);
    const second = this.#frames.get(secondFields);
    if (first?.[0] === undefined || second?.[0] === undefined) {
      return undefined;
    }
    const picture = { frame: first[0], second: second[0] };
    first.shift();
    second.shift();
    return picture;
  }

  /** Pictures before this one will not come any more. */
  #forgetUpTo(pts: number): void {
    for (const known of this.#seqs.keys()) {
      if (known <= pts) {
        this.#seqs.delete(known);
      }
    }
  }
}

/** Whoever held a picture does not need it any more. */
export function releasePicture({ frame, second }: DecodedPicture): void {
  frame.release();
  second?.release();
}
