/** The pictures of one segment made on time: frames go from what is shown and decoded into the encoder, in order, as they come. */
import type { ShownEntry } from '#common/contracts/early-task';
import { divisionOf } from '#common/division';
import { PipelineError, toPipelineError } from '#common/errors';
import { firstFrame } from '#common/grid';
import { frameIndex, type FrameIndex } from '#common/time';
import type { Encoder } from '../transcode.ts';
import {
  PictureEncoder,
  type PictureKind,
  type RenditionFragment,
  type SegmentPictures,
} from './picture-encoder.ts';
import type { RawFrame } from './raw-frame.ts';
import type { SessionPictures } from './session-pictures.ts';
import type { Turns } from './turns.ts';
import {
  PictureLine,
  type Decoded,
  type PictureSource,
  type PlacedPicture,
} from './picture-line.ts';

/** What making them needs. */
export interface SegmentPicturesDeps {
  readonly encoder: Encoder;
  /** Encoders that were started before it was known for which segment, if there are such. */
  readonly held?: ((kind: PictureKind) => readonly PictureEncoder[] | undefined) | undefined;
  readonly signal: AbortSignal;
  readonly find: (source: PictureSource) => Decoded<RawFrame>;
  readonly onFragment: (fragment: RenditionFragment) => void;
  /** A frame went into an encoder: what was kept for that may go, and what waits for room may come. */
  readonly onTaken: () => void;
  /** Of the worker, for what is on time. */
  readonly turns?: Turns | undefined;
  /** It begins in mid-segment, and viewers wait for all its pictures: until it has caught up none is held back for another. */
  readonly isTakenOver?: boolean;
}

/** See the head of this file. Each of its encoders is given frames at its own pace: a slow one holds up no other. */
export class SegmentPicturesRun {
  readonly #ways: readonly EncoderWay[];

  /**
   * Starts it: its encoders wait for the first frame.
   * @throws PipelineError `ABORTED`
   */
  constructor(segment: SegmentPictures, opening: PlacedPicture, deps: SegmentPicturesDeps) {
    const { grid, n } = segment;
    if (deps.signal.aborted) {
      throw new PipelineError('ABORTED', 'pictures were not begun');
    }
    const encoders = deps.held?.(segment) ?? PictureEncoder.startAll(segment, deps.encoder);
    for (const encoder of encoders) {
      encoder.begin(segment, deps);
    }
    const mostBehind = divisionOf(grid, segment.profile).fragmentFrames + SLACK_PLACES;
    this.#ways = encoders.map((encoder, i) => {
      const line = new PictureLine(firstFrame(grid, n), grid.segmentFrames, opening, deps.find);
      const isFirst = i === encoders.length - 1;
      return new EncoderWay(line, encoder, { ...deps, isFirst, mostBehind });
    });
  }

  /** Whether it was taken over, and one of its encoders has not caught up with what is told. */
  get isCatchingUp(): boolean {
    return this.#ways.some((way) => way.isCatchingUp);
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

/** Frames that an encoder may be behind what is told, beside a fragment's, which is told at once: else it is late. */
const SLACK_PLACES = 4;

interface WayOptions extends Pick<
  SegmentPicturesDeps,
  'turns' | 'signal' | 'isTakenOver' | 'onTaken'
> {
  /** It makes the smallest pictures, which are to be on time where not all can be. */
  readonly isFirst: boolean;
  /** Places, beyond which it is late. */
  readonly mostBehind: number;
}

/** One encoder, and the frames on their way into it. */
class EncoderWay {
  readonly #line: PictureLine<RawFrame>;
  readonly #encoder: PictureEncoder;
  #writing: Promise<void> = Promise.resolve();
  #isPumping = false;
  readonly #options: WayOptions;
  #standsBack = false;
  #isCatchingUp: boolean;
  readonly #whole: Promise<void>;
  #resolveWhole = (): void => undefined;

  constructor(line: PictureLine<RawFrame>, encoder: PictureEncoder, options: WayOptions) {
    this.#options = options;
    this.#isCatchingUp = options.isTakenOver === true;
    this.#line = line;
    this.#encoder = encoder;
    this.#whole = new Promise((resolve) => {
      this.#resolveWhole = resolve;
    });
  }

  get isCatchingUp(): boolean {
    return this.#isCatchingUp;
  }

  wantedFrom(session: string, pictures: SessionPictures): FrameIndex {
    return pictures.firstOf(this.#line.wantedOf(session), this.#line.next);
  }

  tell(entry: Extract<ShownEntry, { t: 'pictures' }>): void {
    const { isFirst, turns } = this.#options;
    if (isFirst && !this.isBehind()) {
      turns?.took(this);
    }
    this.#line.tell(entry);
    if (!isFirst && !this.#standsBack && this.isBehind()) {
      this.#standsBack = true;
      this.#encoder.standBack();
    }
    turns?.look();
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

  isBehind(): boolean {
    return !this.#isCatchingUp && this.#line.behind > this.#options.mostBehind;
  }

  async ended(): Promise<void> {
    await Promise.allSettled([this.#encoder.done]);
    this.#options.turns?.leave(this);
    await this.#writing;
    this.#line.close();
  }

  async #pump(): Promise<void> {
    const { turns, isFirst, signal, onTaken } = this.#options;
    for (let frame = this.#line.take(); frame !== undefined; frame = this.#line.take()) {
      await this.#encoder.write(frame);
      this.#isCatchingUp &&= this.#line.behind > 0;
      onTaken();
      if (isFirst) {
        turns?.took(this);
      } else {
        await turns?.turn(signal);
      }
    }
    this.#isPumping = false;
    if (this.#line.isWhole) {
      this.#options.turns?.leave(this);
      this.#resolveWhole();
    }
  }
}
