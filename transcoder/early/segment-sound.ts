/**
 * The sound of one segment made on time, in processes of its own: it never holds up pictures. Samples go from where the
 * leader says they come from into the encoder, in order, as they come; its frames go out as fragments.
 */
import type { AudioFrame } from '#common/contracts/frame';
import type { Profile } from '#common/contracts/channel';
import type { ShownEntry } from '#common/contracts/early-task';
import type { AudioRendition } from '#common/contracts/rendition';
import { wholeAdtsFrames } from '#common/codec/aac/adts';
import { aacFramesOfFragment, divisionOf } from '#common/division';
import { PipelineError, toPipelineError } from '#common/errors';
import { AAC_FRAME_SAMPLES, aacFramesOf, SAMPLE_RATE, type Grid } from '#common/grid';
import { CONTEXT_FRAMES } from '#common/sound-grid';
import { least, samplePosition, type SamplePosition, type SegmentNumber } from '#common/time';
import { startFfmpeg, type FfmpegProcess } from '../ffmpeg/process.ts';
import { soundInit } from '../made-segment.ts';
import type { Encoder } from '../transcode.ts';
import { FragmentWriter } from './fragment-writer.ts';
import type { RenditionFragment } from './picture-encoder.ts';
import { RunDecoder } from './run-decoder.ts';
import { encodeSoundArguments, SAMPLE_BYTES, SOUND_PIPES } from './sound-commands.ts';
import { SoundLine, type LinePiece, type RunPiece } from './sound-line.ts';

/** What is encoded. */
export interface SegmentSound {
  readonly grid: Grid;
  readonly profile: Profile;
  readonly n: SegmentNumber;
  readonly rendition: AudioRendition;
}

/** What making it needs. */
export interface SegmentSoundDeps {
  readonly encoder: Encoder;
  readonly signal: AbortSignal;
  /** The frame of a session's run; undefined while it has not come. */
  readonly frameOf: (session: string, origin: SamplePosition, k: number) => AudioFrame | undefined;
  readonly onFragment: (fragment: RenditionFragment) => void;
}

/** The encoder gives a frame out when it has been given two more; its first is priming. */
const LOOK_AHEAD_FRAMES = 2;
const PRIMING_FRAMES = 1;
/**
 * Samples beyond the encoder's input about which it must be told whether a run goes on there: more than one AAC frame of the
 * lowest rate, for the end of a frame is decoded with the help of the next.
 */
const TOLD_BEYOND = 8 * AAC_FRAME_SAMPLES;

/** A run piece's decoder, and how far it is. */
interface Decoding {
  readonly piece: RunPiece;
  readonly decoder: RunDecoder;
  nextK: number;
  isEndTold: boolean;
}

/** See the head of this file. */
export class SegmentSoundRun {
  readonly #deps: SegmentSoundDeps;
  readonly #line: SoundLine;
  readonly #fragments: FragmentWriter;
  readonly #rendition: string;
  readonly #init: Buffer;
  readonly #ffmpeg: FfmpegProcess;
  /** Position of the next sample that the encoder is given, and of the end of its input. */
  #at: SamplePosition;
  readonly #stop: SamplePosition;
  #decoding: Decoding | undefined;
  #adts: Buffer = Buffer.alloc(0);
  /** Frames of the encoder's output that are none of the segment's yet. */
  #skipped = 0;
  #failure: PipelineError | undefined;
  readonly #processes: Promise<void>[] = [];

  /** Starts it: its encoder waits for the first sample. */
  constructor({ grid, profile, n, rendition }: SegmentSound, deps: SegmentSoundDeps) {
    const { first, end } = aacFramesOf(grid, n);
    const division = divisionOf(grid, profile);
    const { program, arch, limits } = deps.encoder;
    this.#deps = deps;
    this.#rendition = rendition.id;
    this.#at = samplePosition(AAC_FRAME_SAMPLES * (first - CONTEXT_FRAMES));
    this.#stop = samplePosition(AAC_FRAME_SAMPLES * (end + LOOK_AHEAD_FRAMES));
    this.#line = new SoundLine(this.#at, samplePosition(this.#stop + TOLD_BEYOND));
    this.#init = soundInit(rendition);
    this.#fragments = new FragmentWriter(
      AAC_FRAME_SAMPLES * first,
      Array.from({ length: division.fragments }, (_, k) => {
        const fragment = aacFramesOfFragment(grid, division, n, k);
        return fragment.end - fragment.first;
      }),
    );
    this.#ffmpeg = startFfmpeg({
      isOnTime: deps.encoder.isOnTime === true,
      program,
      args: encodeSoundArguments(rendition, arch),
      inputs: [SOUND_PIPES.input],
      outputs: [SOUND_PIPES.output],
      limits,
      signal: deps.signal,
    });
    this.#processes.push(this.#ffmpeg.done);
    this.#ffmpeg.output(SOUND_PIPES.output).on('data', (piece: Buffer) => {
      this.#takeCoded(piece);
    });
  }

  /** Takes what is heard. */
  tell(entry: Extract<ShownEntry, { t: 'sound' }>): void {
    this.#line.tell(entry);
    this.advance();
  }

  /** Frames or samples have come: goes on as far as that allows. */
  advance(): void {
    try {
      while (this.#at < this.#stop && this.#goOn()) {
        // As long as something can be given to the encoder.
      }
      if (this.#at >= this.#stop) {
        this.#ffmpeg.input(SOUND_PIPES.input).end();
      }
    } catch (error) {
      this.#fail(toPipelineError(error));
    }
  }

  /**
   * Resolves when all fragments are out.
   * @throws PipelineError as an encoder that failed does
   */
  async finished(): Promise<void> {
    await this.#ffmpeg.done;
    if (!this.#fragments.isWhole) {
      throw new PipelineError('ENCODER_FAILED', `${this.#rendition}: fewer frames than given`);
    }
  }

  /** Resolves when all its processes have ended, well or not. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#processes);
  }

  #fail(error: PipelineError): void {
    this.#failure ??= error;
    this.#ffmpeg.stop(this.#failure);
  }

  /** Gives the encoder what there is of the piece at hand. */
  #goOn(): boolean {
    const piece = this.#line.pieces.find(({ to }) => to > this.#at);
    if (piece === undefined) {
      return false;
    }
    const to = least(piece.to, this.#stop);
    return piece.kind === 'silence' ? this.#giveSilence(to) : this.#giveRun(piece, to);
  }

  #giveSilence(to: SamplePosition): boolean {
    this.#give(Buffer.alloc((to - this.#at) * SAMPLE_BYTES));
    return true;
  }

  #giveRun(piece: RunPiece, to: SamplePosition): boolean {
    const decoding = this.#decodingOf(piece);
    if (decoding === undefined) {
      return false;
    }
    this.#feed(decoding, to);
    const { decoder } = decoding;
    if (this.#at < decoder.from) {
      return this.#giveSilence(least(decoder.from, to));
    }
    const samples = decoder.take(to - this.#at);
    if (samples.byteLength > 0) {
      this.#give(samples);
      return true;
    }
    // What a decoder that has ended did not give is silence.
    return decoder.isEnded && this.#giveSilence(to);
  }

  #decodingOf(piece: RunPiece): Decoding | undefined {
    if (this.#decoding?.piece === piece) {
      return this.#decoding;
    }
    const { span, from } = piece;
    const first = this.#deps.frameOf(span.session, span.origin, span.firstK);
    if (first === undefined) {
      return undefined;
    }
    const decoder = new RunDecoder(span, first, from, {
      encoder: this.#deps.encoder,
      signal: this.#deps.signal,
      onChange: () => {
        this.advance();
      },
    });
    this.#processes.push(decoder.done);
    decoder.done.catch((error: unknown) => {
      this.#fail(toPipelineError(error));
    });
    this.#decoding = { piece, decoder, nextK: span.firstK, isEndTold: false };
    return this.#decoding;
  }

  #feed(decoding: Decoding, to: SamplePosition): void {
    const { piece, decoder } = decoding;
    const { session, origin, rate } = piece.span;
    const lastNeeded =
      Math.floor(((to - 1 - origin) * rate) / (SAMPLE_RATE * AAC_FRAME_SAMPLES)) + 1;
    const lastK = Math.min(piece.lastK, lastNeeded);
    while (decoding.nextK <= lastK) {
      const frame = this.#deps.frameOf(session, origin, decoding.nextK);
      if (frame === undefined) {
        return;
      }
      decoder.feed(frame);
      decoding.nextK += 1;
    }
    const isFed = to === this.#stop && decoding.nextK > lastNeeded;
    if ((isFed || this.#isOver(piece)) && !decoding.isEndTold) {
      decoding.isEndTold = true;
      decoder.end();
    }
  }

  /** Whether a piece will not grow any more. */
  #isOver(piece: LinePiece): boolean {
    return this.#line.isWhole || this.#line.pieces.at(-1) !== piece;
  }

  #give(samples: Buffer): void {
    this.#ffmpeg.input(SOUND_PIPES.input).write(samples);
    this.#at = samplePosition(this.#at + samples.byteLength / SAMPLE_BYTES);
  }

  #takeCoded(piece: Buffer): void {
    try {
      const { frames, rest } = wholeAdtsFrames(Buffer.concat([this.#adts, piece]));
      this.#adts = rest;
      for (const data of frames) {
        this.#takeFrame(data);
      }
    } catch (error) {
      this.#fail(toPipelineError(error));
    }
  }

  #takeFrame(data: Buffer): void {
    if (this.#skipped < PRIMING_FRAMES + CONTEXT_FRAMES) {
      this.#skipped += 1;
      return;
    }
    const fragment = this.#fragments.push({
      duration: AAC_FRAME_SAMPLES,
      isSync: true,
      compositionOffset: 0,
      data,
    });
    if (fragment !== undefined) {
      this.#deps.onFragment({ ...fragment, rendition: this.#rendition, init: this.#init });
    }
  }
}
