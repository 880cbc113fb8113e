/** A stretch of one run of AAC frames decoded as its frames come, and its samples from one position on. */
import type { AudioFrame } from '#common/contracts/frame';
import type { ShownSound } from '#common/contracts/early-task';
import { PipelineError } from '#common/errors';
import { AAC_FRAME_SAMPLES } from '#common/grid';
import { initSegment, mediaFragment } from '#common/mp4/write';
import { greatest, type SamplePosition } from '#common/time';
import { startFfmpeg, type FfmpegProcess } from '../ffmpeg/process.ts';
import { beginningOf } from '../sound-plan.ts';
import type { Encoder } from '../transcode.ts';
import { decodeSoundArguments, SAMPLE_BYTES, SOUND_PIPES } from './sound-commands.ts';

/** What a decoder needs. */
export interface RunDecoderDeps {
  readonly encoder: Encoder;
  readonly signal: AbortSignal;
  /** Samples have come, or it has ended. */
  readonly onChange: () => void;
}

/** See the head of this file. */
export class RunDecoder {
  readonly #ffmpeg: FfmpegProcess;
  readonly #onChange: () => void;
  /** Where its samples begin: at the position asked for, or after it where nothing comes out so early. */
  readonly from: SamplePosition;
  #skipBytes: number;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #fed = 0;
  #isEnded = false;

  /**
   * Starts it.
   * @param stretch its run, and the frame that it is fed first
   * @param config AudioSpecificConfig of its frames
   * @param position 48 kHz position from which samples are wanted
   * @throws PipelineError `BAD_MEDIA` for a configuration that cannot be read
   */
  constructor(
    stretch: Pick<ShownSound, 'origin' | 'rate' | 'firstK'>,
    config: Uint8Array,
    position: SamplePosition,
    { encoder, signal, onChange }: RunDecoderDeps,
  ) {
    const { resampledFrom, ...decoding } = beginningOf(stretch, config, position);
    this.from = greatest(position, resampledFrom);
    this.#skipBytes = (this.from - resampledFrom) * SAMPLE_BYTES;
    this.#onChange = onChange;
    this.#ffmpeg = startFfmpeg({
      isOnTime: encoder.isOnTime === true,
      program: encoder.program,
      args: decodeSoundArguments(decoding, encoder.arch),
      inputs: [SOUND_PIPES.input],
      outputs: [SOUND_PIPES.output],
      limits: encoder.limits,
      signal,
    });
    this.#ffmpeg.output(SOUND_PIPES.output).on('data', (piece: Buffer) => {
      this.#take(piece);
    });
    this.#ffmpeg.input(SOUND_PIPES.input).write(
      initSegment([
        {
          kind: 'audio',
          id: 1,
          timescale: stretch.rate,
          rate: stretch.rate,
          channels: decoding.isMono ? 1 : 2,
          config,
        },
      ]),
    );
  }

  /** It is not needed: {@link done} rejects. */
  drop(): void {
    this.#ffmpeg.stop(new PipelineError('ABORTED', 'sound that is not heard'));
  }

  /** Whether no more samples come. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Samples that can be taken. */
  get ready(): number {
    return Math.floor(this.#bytes / SAMPLE_BYTES);
  }

  /**
   * Resolves when it has ended.
   * @throws PipelineError as an ffmpeg that failed does
   */
  get done(): Promise<void> {
    return this.#ffmpeg.done;
  }

  /** Gives it the next frame. */
  feed(frame: AudioFrame): void {
    const sample = {
      duration: AAC_FRAME_SAMPLES,
      isSync: true,
      compositionOffset: 0,
      data: frame.data,
    };
    const decodeTime = this.#fed * AAC_FRAME_SAMPLES;
    this.#fed += 1;
    const { bytes } = mediaFragment(this.#fed, [{ trackId: 1, decodeTime, samples: [sample] }]);
    this.#ffmpeg.input(SOUND_PIPES.input).write(bytes);
  }

  /** No more frames come. */
  end(): void {
    this.#ffmpeg.input(SOUND_PIPES.input).end();
    this.#ffmpeg.output(SOUND_PIPES.output).once('end', () => {
      this.#isEnded = true;
      this.#onChange();
    });
  }

  /** The next samples, at most so many. */
  take(samples: number): Buffer {
    const wanted = Math.min(samples, this.ready) * SAMPLE_BYTES;
    const all = Buffer.concat(this.#pieces, this.#bytes);
    this.#bytes -= wanted;
    this.#pieces = [all.subarray(wanted)];
    return all.subarray(0, wanted);
  }

  #take(piece: Buffer): void {
    const skipped = Math.min(this.#skipBytes, piece.byteLength);
    this.#skipBytes -= skipped;
    this.#pieces.push(piece.subarray(skipped));
    this.#bytes += piece.byteLength - skipped;
    this.#onChange();
  }
}
