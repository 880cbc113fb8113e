/** The pictures of one segment made on time: frames go from what is shown and decoded into the encoder, in order, as they come. */
import type { ShownEntry } from '#common/contracts/early-task';
import { PipelineError, toPipelineError } from '#common/errors';
import { firstFrame } from '#common/grid';
import { frameIndex, type FrameIndex } from '#common/time';
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

/** See the head of this file. Each of its encoders is given frames at its own pace: a slow one holds up no other. */
export class SegmentPicturesRun {
  readonly #ways: readonly EncoderWay[];

  /** Starts it: its encoders wait for the first frame. */
  constructor(segment: SegmentPictures, opening: PlacedPicture, deps: SegmentPicturesDeps) {
    const { grid, n } = segment;
    const encoders = PictureEncoder.startAll(segment, deps);
    this.#ways = encoders.map((encoder, i) => {
      const line = new PictureLine(firstFrame(grid, n), grid.segmentFrames, opening, deps.find);
      return new EncoderWay(line, encoder, i < encoders.length - 1);
    });
  }

  /** Of a session's pictures, the place that the first which is still wanted was meant for. */
  wantedFrom(session: string, pictures: SessionPictures): FrameIndex {
    return frameIndex(Math.min(...this.#ways.map((way) => way.wantedFrom(session, pictures))));
  }

  /** Takes what is shown. */
  tell(entry: Extract<ShownEntry, { t: 'pictures' }>): void {
    for (const way of this.#ways) {
      way.tell(entry);
    }
  }

  /** Pictures have come: goes on as far as that allows. */
  advance(): void {
    for (const way of this.#ways) {
      way.advance();
    }
  }

  /**
   * Resolves when all fragments are out.
   * @returns JPEG of the first picture
   * @throws PipelineError as an encoder that failed does
   */
  async finished(): Promise<Buffer> {
    return Buffer.concat(await Promise.all(this.#ways.map((way) => way.finished())));
  }

  /** Resolves when its processes have ended, well or not; afterwards it needs no picture any more. */
  async ended(): Promise<void> {
    await Promise.all(this.#ways.map((way) => way.ended()));
  }
}

/** An encoder that is so many frames behind what is told is late: half a second, or a quarter. */
const LATE_PLACES = 15;

/** One encoder, and the frames on their way into it. */
class EncoderWay {
  readonly #line: PictureLine<RawFrame>;
  readonly #encoder: PictureEncoder;
  #writing: Promise<void> = Promise.resolve();
  #isPumping = false;
  #mayStandBack: boolean;
  readonly #whole: Promise<void>;
  #resolveWhole = (): void => undefined;

  /** @param mayStandBack others make smaller pictures, which are to be on time where not all can be */
  constructor(line: PictureLine<RawFrame>, encoder: PictureEncoder, mayStandBack: boolean) {
    this.#mayStandBack = mayStandBack;
    this.#line = line;
    this.#encoder = encoder;
    this.#whole = new Promise((resolve) => {
      this.#resolveWhole = resolve;
    });
  }

  wantedFrom(session: string, pictures: SessionPictures): FrameIndex {
    return pictures.firstOf(this.#line.wantedOf(session), this.#line.next);
  }

  tell(entry: Extract<ShownEntry, { t: 'pictures' }>): void {
    this.#line.tell(entry);
    if (this.#mayStandBack && this.#line.behind > LATE_PLACES) {
      this.#mayStandBack = false;
      this.#encoder.standBack();
    }
    this.advance();
  }

  advance(): void {
    if (!this.#isPumping) {
      this.#isPumping = true;
      this.#writing = this.#pump();
    }
  }

  async finished(): Promise<Buffer> {
    const early = this.#encoder.done.then(
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

  async ended(): Promise<void> {
    await Promise.allSettled([this.#encoder.done]);
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
