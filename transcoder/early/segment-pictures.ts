/** The pictures of one segment made on time: frames go from what is shown and decoded into the encoder, in order, as they come. */
import type { ShownEntry } from '#common/contracts/early-task';
import { divisionOf } from '#common/division';
import { PipelineError, toPipelineError } from '#common/errors';
import { firstFrame } from '#common/grid';
import { frameIndex, type FrameIndex } from '#common/time';
import type { Encoder } from '../transcode.ts';
import {
  PictureEncoder,
  type EncoderStart,
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
  readonly signal: AbortSignal;
  readonly find: (source: PictureSource) => Decoded<RawFrame>;
  readonly onFragment: (fragment: RenditionFragment) => void;
  /** A frame went into an encoder: what was kept for that may go, and what waits for room may come. */
  readonly onTaken: () => void;
  /** Of the worker, for what is on time. */
  readonly turns?: Turns | undefined;
  /** Whether no earlier segment's largest pictures are late: those are finished first. */
  readonly isNextOfLarge?: () => boolean;
}

/** See the head of this file. Each of its encoders is given frames at its own pace: a slow one holds up no other. */
export class SegmentPicturesRun {
  /** Those that are gone on with, the one with the largest pictures first. */
  #ways: readonly EncoderWay[];
  /** Those that were left off, until they have ended. */
  readonly #left = new Set<EncoderWay>();
  readonly #onTaken: () => void;

  /** Starts it: its encoders wait for the first frame, or are started once that of an earlier segment does. */
  constructor(segment: SegmentPictures, opening: PlacedPicture, deps: SegmentPicturesDeps) {
    const { grid, n } = segment;
    const encoders = PictureEncoder.all(segment, deps);
    this.#onTaken = deps.onTaken;
    const mostBehind = divisionOf(grid, segment.profile).fragmentFrames + SLACK_PLACES;
    const holdsUpFrom = HOLDS_UP * grid.segmentFrames;
    this.#ways = encoders.map((encoder, i) => {
      const line = new PictureLine(firstFrame(grid, n), grid.segmentFrames, opening, deps.find);
      const isFirst = i === encoders.length - 1;
      return new EncoderWay(line, encoder, { ...deps, isFirst, mostBehind, holdsUpFrom });
    });
  }

  /** Of a session's pictures, the place that the first which is still wanted was meant for. */
  wantedFrom(session: string, pictures: SessionPictures): FrameIndex {
    return frameIndex(Math.min(...this.#ways.map((way) => way.wantedFrom(session, pictures))));
  }

  /** Whether its largest pictures are late, and neither left off nor hanging. */
  get isLargestLate(): boolean {
    return this.#ways.some((way) => way.holdsUpLater);
  }

  /** Takes what is shown. */
  tell(entry: Extract<ShownEntry, { t: 'pictures' }>): void {
    for (const way of this.#ways) {
      way.tell(entry);
    }
  }

  /** Nothing more is made of these renditions: an encoder that makes no others ends at once. */
  leaveOff(renditions: readonly string[]): void {
    const leaves = (way: EncoderWay): boolean => way.makesOnly(renditions);
    for (const way of this.#ways.filter((one) => leaves(one))) {
      this.#left.add(way);
      way.leaveOff();
    }
    this.#ways = this.#ways.filter((one) => !leaves(one));
    // What was kept for those may go.
    this.#onTaken();
  }

  /** Pictures have come: goes on as far as that allows. */
  advance(): void {
    for (const way of this.#ways) {
      way.advance();
    }
  }

  /**
   * Resolves when all fragments are out, but for what was left off.
   * @returns JPEG of the first picture; undefined where what makes it was left off
   * @throws PipelineError as an encoder that failed does
   */
  async finished(): Promise<Buffer | undefined> {
    const previews = await Promise.all(this.#ways.map((way) => way.finished()));
    return this.#left.size > 0
      ? undefined
      : Buffer.concat(previews.flatMap((preview) => preview ?? []));
  }

  /** Resolves when its processes have ended, well or not; afterwards it needs no picture any more. */
  async ended(): Promise<void> {
    await Promise.all([...this.#ways, ...this.#left].map((way) => way.ended()));
  }
}

/** Frames that an encoder may be behind what is told, beside a fragment's, which is told at once: else it is late. */
const SLACK_PLACES = 4;
/** One of large pictures that is behind by so much of a segment holds up those of later segments. */
const HOLDS_UP = 0.5;
/** One whose turn it was and that took no frame for so long, milliseconds, hangs. */
const HANGS_MS = 1_000;

type Taking = 'turns' | 'signal' | 'isNextOfLarge' | 'onTaken';

interface WayOptions extends Pick<SegmentPicturesDeps, Taking> {
  /** It makes the smallest pictures, which are to be on time where not all can be. */
  readonly isFirst: boolean;
  /** Places, beyond which it is late. */
  readonly mostBehind: number;
  /** And from which on it holds up those of later segments. */
  readonly holdsUpFrom: number;
}

/** One encoder, and the frames on their way into it. */
class EncoderWay {
  readonly #line: PictureLine<RawFrame>;
  readonly #renditions: readonly string[];
  readonly #options: WayOptions;
  readonly #leaving = new AbortController();
  /** Nobody waits for its turn any more. */
  readonly #over: AbortSignal;
  /** Undefined where it is left off before it is started. */
  readonly #starting: Promise<PictureEncoder | undefined>;
  #encoder: PictureEncoder | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isPumping = false;
  #isWaiting = false;
  #tookAt = performance.now();
  #standsBack = false;
  readonly #whole: Promise<void>;
  #resolveWhole = (): void => undefined;

  constructor(
    line: PictureLine<RawFrame>,
    { renditions, start }: EncoderStart,
    options: WayOptions,
  ) {
    this.#options = options;
    this.#over = AbortSignal.any([options.signal, this.#leaving.signal]);
    this.#line = line;
    this.#renditions = renditions;
    this.#whole = new Promise((resolve) => {
      this.#resolveWhole = resolve;
    });
    this.#starting = this.#start(start);
    // Who waits for it does so later.
    this.#starting.catch(() => undefined);
  }

  wantedFrom(session: string, pictures: SessionPictures): FrameIndex {
    return pictures.firstOf(this.#line.wantedOf(session), this.#line.next);
  }

  /** Whether all that it makes is among these. */
  makesOnly(renditions: readonly string[]): boolean {
    return this.#renditions.every((id) => renditions.includes(id));
  }

  /** It ends, and {@link finished} resolves without a picture. */
  leaveOff(): void {
    this.#leaving.abort();
    this.#resolveWhole();
    this.#encoder?.stop();
    this.#options.turns?.leave(this);
    this.#line.close();
  }

  tell(entry: Extract<ShownEntry, { t: 'pictures' }>): void {
    const { isFirst, turns } = this.#options;
    if (isFirst && !this.isBehind()) {
      turns?.took(this);
    }
    this.#line.tell(entry);
    if (!isFirst && !this.#standsBack && this.isBehind()) {
      this.#standsBack = true;
      this.#encoder?.standBack();
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

  /** @returns JPEG of the first picture, empty of one that makes none; undefined where it was left off */
  async finished(): Promise<Buffer | undefined> {
    try {
      return await this.#finished();
    } catch (error) {
      if (this.#leaving.signal.aborted) {
        return undefined;
      }
      throw error;
    }
  }

  isBehind(): boolean {
    return this.#line.behind > this.#options.mostBehind;
  }

  /** Whether those of later segments wait for it. */
  get holdsUpLater(): boolean {
    const isHanging = !this.#isWaiting && performance.now() - this.#tookAt > HANGS_MS;
    const { isFirst, holdsUpFrom } = this.#options;
    return !isFirst && this.#line.behind >= holdsUpFrom && !isHanging;
  }

  async ended(): Promise<void> {
    await Promise.allSettled([this.#starting.then((encoder) => encoder?.done)]);
    this.#options.turns?.leave(this);
    await this.#writing;
    this.#line.close();
  }

  async #start(start: () => PictureEncoder): Promise<PictureEncoder | undefined> {
    const { isFirst, isNextOfLarge } = this.#options;
    if (!isFirst && isNextOfLarge?.() === false) {
      // Its start takes as much as ten frames.
      await this.#turn();
    }
    if (this.#leaving.signal.aborted) {
      return undefined;
    }
    this.#encoder = start();
    if (this.#standsBack) {
      this.#encoder.standBack();
    }
    return this.#encoder;
  }

  async #turn(): Promise<void> {
    const { turns, isNextOfLarge } = this.#options;
    this.#isWaiting = true;
    await turns?.turn(this.#over, isNextOfLarge);
    this.#isWaiting = false;
    this.#tookAt = performance.now();
  }

  async #finished(): Promise<Buffer | undefined> {
    const encoder = await this.#starting;
    if (encoder === undefined) {
      return undefined;
    }
    const early = encoder.done.then(
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
    return encoder.finish();
  }

  async #pump(): Promise<void> {
    const { turns, isFirst, onTaken } = this.#options;
    const encoder = this.#encoder ?? (await this.#starting.catch(() => undefined));
    for (
      let frame = encoder && this.#line.take();
      encoder !== undefined && frame !== undefined;
      frame = this.#line.take()
    ) {
      await encoder.write(frame);
      this.#tookAt = performance.now();
      onTaken();
      if (isFirst) {
        turns?.took(this);
      } else {
        await this.#turn();
      }
    }
    this.#isPumping = false;
    if (this.#line.isWhole) {
      this.#options.turns?.leave(this);
      this.#resolveWhole();
    }
  }
}
