/** The pictures of one segment made on time: frames go from what is shown and decoded into the encoder, in order, as they come. */
import type { ShownEntry } from '#common/contracts/early-task';
import { divisionOf, fragmentStart } from '#common/division';
import { PipelineError, toPipelineError } from '#common/errors';
import { frameIndex, type FrameIndex } from '#common/time';
import type { Encoder } from '../transcode.ts';
import {
  PictureEncoder,
  type EncoderStart,
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
  readonly signal: AbortSignal;
  readonly find: (source: PictureSource) => Decoded<RawFrame>;
  readonly onFragment: (fragment: RenditionFragment) => void;
  /** A frame went into an encoder: what was kept for that may go, and what waits for room may come. */
  readonly onTaken: () => void;
  /** Of the worker, for what is on time. */
  readonly turns?: Turns | undefined;
  /** It begins in mid-segment, and viewers wait for all its pictures: until it has caught up none is held back for another. */
  readonly isTakenOver?: boolean;
  /** Encoders of that kind that are held ready, if there are any. */
  readonly held?: (kind: PictureKind) => readonly PictureEncoder[] | undefined;
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
  readonly #hasPreview: boolean;

  /**
   * Starts it: its encoders wait for the first frame, or are started once that of an earlier segment does.
   * @throws PipelineError `ABORTED`
   */
  constructor(segment: SegmentPictures, opening: PlacedPicture, deps: SegmentPicturesDeps) {
    const { grid, n } = segment;
    if (deps.signal.aborted) {
      throw new PipelineError('ABORTED', 'pictures were not begun');
    }
    const encoders = startsOf(segment, deps);
    this.#onTaken = deps.onTaken;
    const division = divisionOf(grid, segment.profile);
    const mostBehind = division.fragmentFrames + SLACK_PLACES;
    this.#hasPreview = encoders.some(({ hasPreview }) => hasPreview);
    const holdsUpFrom = HOLDS_UP * grid.segmentFrames;
    this.#ways = encoders.map((encoder, i) => {
      const first = fragmentStart(grid, division, n, encoder.from);
      const places = fragmentStart(grid, division, n, encoder.to) - first;
      const line = new PictureLine(first, places, opening, deps.find);
      const isFirst = i === encoders.length - 1;
      return new EncoderWay(line, encoder, { ...deps, isFirst, mostBehind, holdsUpFrom });
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
   * @returns JPEG of the first picture; undefined where that is not made here, or what makes it was left off
   * @throws PipelineError as an encoder that failed does
   */
  async finished(): Promise<Buffer | undefined> {
    const previews = await Promise.all(this.#ways.map((way) => way.finished()));
    return this.#left.size > 0 || !this.#hasPreview
      ? undefined
      : Buffer.concat(previews.flatMap((preview) => preview ?? []));
  }

  /** Resolves when its processes have ended, well or not; afterwards it needs no picture any more. */
  async ended(): Promise<void> {
    await Promise.all([...this.#ways, ...this.#left].map((way) => way.ended()));
  }
}

/** What brings each of a segment's encoders: those that were held ready, or what starts them. */
function startsOf(segment: SegmentPictures, deps: SegmentPicturesDeps): readonly EncoderStart[] {
  return PictureEncoder.all(segment, deps.encoder, deps.held?.(segment)).map((made) => ({
    ...made,
    start: () => {
      if (deps.signal.aborted) {
        throw new PipelineError('ABORTED', 'pictures were not begun');
      }
      const encoder = made.start();
      encoder.begin(segment, deps);
      return encoder;
    },
  }));
}

/** Frames that an encoder may be behind what is told, beside a fragment's, which is told at once: else it is late. */
const SLACK_PLACES = 4;
/** One of large pictures that is behind by so much of a segment holds up those of later segments. */
const HOLDS_UP = 0.5;
/** One whose turn it was and that took no frame for so long, milliseconds, hangs. */
const HANGS_MS = 1_000;

type Taking = 'turns' | 'signal' | 'onTaken' | 'isTakenOver' | 'isNextOfLarge';

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
  #isCatchingUp: boolean;
  readonly #whole: Promise<void>;
  #resolveWhole = (): void => undefined;

  constructor(line: PictureLine<RawFrame>, encoder: EncoderStart, options: WayOptions) {
    this.#options = options;
    this.#isCatchingUp = options.isTakenOver === true;
    this.#over = AbortSignal.any([options.signal, this.#leaving.signal]);
    this.#line = line;
    this.#renditions = encoder.renditions;
    this.#whole = new Promise((resolve) => {
      this.#resolveWhole = resolve;
    });
    this.#starting = this.#start(encoder);
    // Who waits for it does so later.
    this.#starting.catch(() => undefined);
  }

  get isCatchingUp(): boolean {
    return this.#isCatchingUp;
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
    return !this.#isCatchingUp && this.#line.behind > this.#options.mostBehind;
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

  async #start({ isStarted, start }: EncoderStart): Promise<PictureEncoder | undefined> {
    const { isFirst, isNextOfLarge } = this.#options;
    if (!isStarted && !isFirst && isNextOfLarge?.() === false) {
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
      onTaken();
      this.#isCatchingUp &&= this.#line.behind > 0;
      this.#tookAt = performance.now();
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
