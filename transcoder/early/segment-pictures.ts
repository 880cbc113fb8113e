/** The pictures of one segment made on time: frames go from what is shown and decoded into the encoder, in order, as they come. */
import type { ShownEntry } from '#common/contracts/early-task';
import { PipelineError, toPipelineError } from '#common/errors';
import { firstFrame } from '#common/grid';
import type { FrameIndex } from '#common/time';
import type { Encoder } from '../transcode.ts';
import { PictureEncoder, type RenditionFragment, type SegmentPictures } from './picture-encoder.ts';
import type { RawFrame } from './raw-frame.ts';
import type { SessionPictures } from './session-pictures.ts';
import {
  PictureLine,
  type Decoded,
  type PictureSource,
  type PlacedPicture,
} from './picture-line.ts';

/** What making them needs. */
export interface SegmentPicturesDeps {
  readonly encoder: Encoder;
  readonly signal: AbortSignal;
  readonly find: (source: PictureSource) => Decoded<RawFrame>;
  readonly onFragment: (fragment: RenditionFragment) => void;
}

/** See the head of this file. */
export class SegmentPicturesRun {
  readonly #line: PictureLine<RawFrame>;
  readonly #encoder: PictureEncoder;
  #writing: Promise<void> = Promise.resolve();
  #isPumping = false;
  readonly #whole: Promise<void>;
  #resolveWhole = (): void => undefined;

  /** Starts it: its encoder waits for the first frame. */
  constructor(segment: SegmentPictures, opening: PlacedPicture, deps: SegmentPicturesDeps) {
    const { grid, n } = segment;
    this.#line = new PictureLine(firstFrame(grid, n), grid.segmentFrames, opening, deps.find);
    this.#encoder = PictureEncoder.start(segment, deps.encoder, deps.signal, deps.onFragment);
    this.#whole = new Promise((resolve) => {
      this.#resolveWhole = resolve;
    });
  }

  /** Of a session's pictures, the place that the first which is still wanted was meant for. */
  wantedFrom(session: string, pictures: SessionPictures): FrameIndex {
    return pictures.firstOf(this.#line.wantedOf(session), this.#line.next);
  }

  /** Takes what is shown. */
  tell(entry: Extract<ShownEntry, { t: 'pictures' }>): void {
    this.#line.tell(entry);
    this.advance();
  }

  /** Pictures have come: goes on as far as that allows. */
  advance(): void {
    if (!this.#isPumping) {
      this.#isPumping = true;
      this.#writing = this.#pump();
    }
  }

  /**
   * Resolves when all fragments are out.
   * @returns JPEG of the first picture
   * @throws PipelineError as an encoder that failed does
   */
  async finished(): Promise<Buffer> {
    const early = this.#encoder.done().then(
      () => {
        throw new PipelineError('ENCODER_FAILED', 'the encoder ended before its input');
      },
      (error: unknown) => {
        throw toPipelineError(error);
      },
    );
    await Promise.race([this.#whole, early]);
    early.catch(() => undefined);
    await this.#writing;
    return this.#encoder.finish();
  }

  /** Resolves when its processes have ended, well or not; afterwards it needs no picture any more. */
  async ended(): Promise<void> {
    await this.#encoder.ended();
    await this.#writing;
    this.#line.close();
  }

  async #pump(): Promise<void> {
    for (let frame = this.#line.take(); frame !== undefined; frame = this.#line.take()) {
      await this.#encoder.write(frame);
    }
    this.#isPumping = false;
    if (this.#line.isWhole) {
      this.#resolveWhole();
    }
  }
}
