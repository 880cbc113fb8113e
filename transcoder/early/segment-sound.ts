/**
 * The sound of one segment made on time, in processes of its own: it never holds up pictures. Samples go from where the
 * leader says they come from into the encoder, in order, as they come; its frames go out as fragments.
 */
import type { AudioFrame } from '#common/contracts/frame';
import type { Profile } from '#common/contracts/channel';
import type { ShownEntry, ShownSound } from '#common/contracts/early-task';
import type { AudioRendition } from '#common/contracts/rendition';
import { wholeAdtsFrames } from '#common/codec/aac/adts';
import { aacFramesOfFragment, divisionOf } from '#common/division';
import { PipelineError, toPipelineError } from '#common/errors';
import { AAC_FRAME_SAMPLES, aacFramesOf, SAMPLE_RATE, type Grid } from '#common/grid';
import { CONTEXT_FRAMES, decodedFrom, frameInRun } from '#common/sound-grid';
import { least, samplePosition, type SamplePosition, type SegmentNumber } from '#common/time';
import { startFfmpeg, type FfmpegProcess } from '../ffmpeg/process.ts';
import { soundInit } from '../made-segment.ts';
import type { Encoder } from '../transcode.ts';
import { FragmentWriter } from './fragment-writer.ts';
import type { RenditionFragment } from './picture-encoder.ts';
import { RunDecoder } from './run-decoder.ts';
import { encodeSoundArguments, SAMPLE_BYTES, SOUND_PIPES } from './sound-commands.ts';
import { isOfRun, SoundLine, type LinePiece, type RunPiece } from './sound-line.ts';

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

/**
 * A process takes most of a core while it starts. The encoder and the decoder of the run that is being heard are started
 * when so many samples are still missing before the first that they are given: after the pictures' encoder, one after
 * the other, and long enough before the segment that its beginning does not have to wait for either.
 */
const ENCODER_AHEAD = SAMPLE_RATE;
const DECODER_AHEAD = 0.4 * SAMPLE_RATE;

/** A decoder that waits for its first frame. */
interface Prepared {
  readonly span: ShownSound;
  readonly firstK: number;
  readonly decoder: RunDecoder;
}

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
  readonly #rendition: AudioRendition;
  readonly #init: Buffer;
  readonly #encoded: Promise<void>;
  #resolveEncoded = (_done: Promise<void>): void => undefined;
  #rejectEncoded = (_error: PipelineError): void => undefined;
  #encoder: FfmpegProcess | undefined;
  /** Positions of the first sample that the encoder is given, of the next one, and of the end of its input. */
  readonly #from: SamplePosition;
  #at: SamplePosition;
  readonly #stop: SamplePosition;
  #prepared: Prepared | undefined;
  #decoding: Decoding | undefined;
  #adts: Buffer = Buffer.alloc(0);
  /** Frames of the encoder's output that are none of the segment's yet. */
  #skipped = 0;
  #failure: PipelineError | undefined;
  readonly #processes: Promise<void>[] = [];

  /** Its processes are started as what is told comes near to it. */
  constructor({ grid, profile, n, rendition }: SegmentSound, deps: SegmentSoundDeps) {
    const { first, end } = aacFramesOf(grid, n);
    const division = divisionOf(grid, profile);
    this.#deps = deps;
    this.#rendition = rendition;
    this.#from = samplePosition(AAC_FRAME_SAMPLES * (first - CONTEXT_FRAMES));
    this.#at = this.#from;
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
    this.#encoded = new Promise((resolve, reject) => {
      this.#resolveEncoded = resolve;
      this.#rejectEncoded = reject;
    });
    this.#encoded.catch(() => undefined);
    deps.signal.addEventListener('abort', () => {
      this.#fail(new PipelineError('ABORTED', 'sound was not made to its end'));
    });
  }

  /** Takes what is heard. */
  tell(entry: Extract<ShownEntry, { t: 'sound' }>): void {
    this.#line.tell(entry);
    try {
      this.#prepare(entry);
    } catch (error) {
      this.#fail(toPipelineError(error));
    }
    this.advance();
  }

  /** Frames or samples have come: goes on as far as that allows. */
  advance(): void {
    try {
      while (this.#at < this.#stop && this.#goOn()) {
        // As long as something can be given to the encoder.
      }
      if (this.#at > this.#from) {
        this.#dropPrepared();
      }
      if (this.#at >= this.#stop) {
        this.#startedEncoder().input(SOUND_PIPES.input).end();
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
    await this.#encoded;
    if (!this.#fragments.isWhole) {
      throw new PipelineError('ENCODER_FAILED', `${this.#rendition.id}: fewer frames than given`);
    }
  }

  /** Resolves when all its processes have ended, well or not. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#processes);
  }

  #fail(error: PipelineError): void {
    this.#failure ??= error;
    this.#encoder?.stop(this.#failure);
    this.#dropPrepared();
    this.#rejectEncoded(this.#failure);
  }

  /** @throws PipelineError `ABORTED`, or what it failed with before it was started */
  #startedEncoder(): FfmpegProcess {
    if (this.#encoder !== undefined) {
      return this.#encoder;
    }
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    const { encoder, signal } = this.#deps;
    const { program, arch, limits } = encoder;
    const ffmpeg = startFfmpeg({
      isOnTime: encoder.isOnTime === true,
      program,
      args: encodeSoundArguments(this.#rendition, arch),
      inputs: [SOUND_PIPES.input],
      outputs: [SOUND_PIPES.output],
      limits,
      signal,
    });
    ffmpeg.output(SOUND_PIPES.output).on('data', (piece: Buffer) => {
      this.#takeCoded(piece);
    });
    this.#encoder = ffmpeg;
    this.#processes.push(ffmpeg.done);
    this.#resolveEncoded(ffmpeg.done);
    return ffmpeg;
  }

  /** Starts what will be needed, as far as one can tell, when what is told comes near to the segment. */
  #prepare({ to, spans }: Extract<ShownEntry, { t: 'sound' }>): void {
    if (to > this.#from - ENCODER_AHEAD) {
      this.#startedEncoder();
    }
    const span = spans.at(-1);
    const isNear = to > this.#from - DECODER_AHEAD && to <= this.#from;
    if (span === undefined || span.to !== to || !isNear || this.#prepared !== undefined) {
      return;
    }
    const { session, origin, rate, lastK } = span;
    const known = this.#deps.frameOf(session, origin, lastK);
    if (known !== undefined) {
      const firstK = decodedFrom(origin, rate, this.#from);
      const decoder = this.#startDecoder({ ...span, firstK }, known.config, this.#from);
      this.#prepared = { span, firstK, decoder };
    }
  }

  #startDecoder(span: ShownSound, config: Uint8Array, from: SamplePosition): RunDecoder {
    const { encoder, signal } = this.#deps;
    const decoder = new RunDecoder(span, config, from, {
      encoder,
      signal,
      onChange: () => {
        this.advance();
      },
    });
    // Whoever uses it hears of its failure.
    decoder.done.catch(() => undefined);
    this.#processes.push(decoder.done);
    return decoder;
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
    const { decoder, firstK = span.firstK } =
      this.#takePrepared(piece) ??
      (first === undefined ? {} : { decoder: this.#startDecoder(span, first.config, from) });
    if (decoder === undefined) {
      return undefined;
    }
    decoder.done.catch((error: unknown) => {
      this.#fail(toPipelineError(error));
    });
    this.#decoding = { piece, decoder, nextK: firstK, isEndTold: false };
    return this.#decoding;
  }

  /** The decoder that was started for a piece, which is let go where that came otherwise. */
  #takePrepared({ span, from }: RunPiece): Prepared | undefined {
    const prepared = this.#prepared;
    if (
      prepared === undefined ||
      (from === this.#from && isOfRun(prepared.span, span) && span.firstK <= prepared.firstK)
    ) {
      this.#prepared = undefined;
      return prepared;
    }
    this.#dropPrepared();
    return undefined;
  }

  #dropPrepared(): void {
    this.#prepared?.decoder.drop();
    this.#prepared = undefined;
  }

  #feed(decoding: Decoding, to: SamplePosition): void {
    const { piece, decoder } = decoding;
    const { session, origin, rate } = piece.span;
    const lastNeeded = frameInRun(origin, rate, samplePosition(to - 1)) + 1;
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
    this.#startedEncoder().input(SOUND_PIPES.input).write(samples);
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
      this.#deps.onFragment({ ...fragment, rendition: this.#rendition.id, init: this.#init });
    }
  }
}
