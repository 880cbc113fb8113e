/** One session's decoded pictures: which are here, may still come, or never will; and no more of them than are wanted. */
import type { VideoFrame } from '#common/contracts/frame';
import { FRAME_FLAGS } from '#common/contracts/log';
import { PipelineError, toPipelineError } from '#common/errors';
import { frameIndex, type FrameIndex } from '#common/time';
import { parameterSets } from '../picture-input.ts';
import { readSourcePicture } from '../source-picture.ts';
import type { Encoder } from '../transcode.ts';
import { frameBytes, type FrameSize } from './picture-commands.ts';
import {
  PictureDecoder,
  releasePicture,
  type DecodedPicture,
  type ParameterSets,
} from './picture-decoder.ts';
import type { Decoded } from './picture-line.ts';
import type { RawFrame } from './raw-frame.ts';
import type { Standby } from './standby.ts';

/** What decoding a session needs. */
export interface SessionPicturesDeps {
  readonly encoder: Encoder;
  readonly size: FrameSize;
  readonly signal: AbortSignal;
  /** A picture has come, or is known never to. */
  readonly onChange: () => void;
  /** A decoder that was started before it was known for whom, if there is one. */
  readonly held?: Standby['takeDecoder'] | undefined;
}

/** A coded picture that was fed. */
interface Fed {
  readonly index: FrameIndex;
  readonly decoder: PictureDecoder;
  picture: DecodedPicture | undefined;
  /** It came, or one after it, or its decoder has ended. */
  isSettled: boolean;
}

/**
 * Frames kept decoded at a time: beyond, the decoder waits for those who need them. On time, an encoder that is late keeps all
 * since its place, and is to hold up no other, as far as so many bytes go: until it is given up (`scheduler/plan/shedding.ts`).
 */
const KEPT = { least: 90, most: 240, bytes: 160e6 } as const;
/** Places that a picture may come after its own, for it to be kept while something else is on show. */
const MOST_LATE = 30;

/** See the head of this file. */
export class SessionPictures {
  readonly #deps: SessionPicturesDeps;
  readonly #fed = new Map<number, Fed>();
  #decoder: PictureDecoder | undefined;
  #parameters: ParameterSets | undefined;
  #kept = 0;
  readonly #mostKept: number;
  /** Pictures that were meant for places before this one are not kept. */
  #floor = frameIndex(0);
  #lastSeq = -1;
  #failure: PipelineError | undefined;
  readonly #processes = new Set<Promise<void>>();

  constructor(deps: SessionPicturesDeps) {
    this.#deps = deps;
    const { encoder, size } = deps;
    const fitting = encoder.isOnTime === true ? Math.floor(KEPT.bytes / frameBytes(size)) : 0;
    this.#mostKept = Math.min(KEPT.most, Math.max(KEPT.least, fitting));
  }

  /** Why nothing more will come. */
  get failure(): PipelineError | undefined {
    return this.#failure;
  }

  /**
   * Takes the next coded picture, in decode order; what comes before the first start point is left out.
   * @throws PipelineError `BAD_MEDIA` for a start point without parameter sets, or that ingest would not have taken
   */
  feed(frame: VideoFrame): void {
    if ((frame.flags & FRAME_FLAGS.start) !== 0) {
      this.#openFor(frame);
    }
    this.#lastSeq = frame.seq;
    if (this.#decoder === undefined) {
      return;
    }
    this.#fed.set(frame.seq, {
      index: frame.index,
      decoder: this.#decoder,
      picture: undefined,
      isSettled: false,
    });
    this.#decoder.feed(frame);
  }

  /** What has become of a frame's picture. */
  find(seq: number): Decoded<RawFrame> {
    const fed = this.#fed.get(seq);
    if (fed?.picture !== undefined) {
      const { frame, second } = fed.picture;
      return second === undefined
        ? { state: 'here', picture: frame }
        : { state: 'here', picture: frame, second: { picture: second, after: fed.index } };
    }
    return { state: fed?.isSettled === true || this.#failure !== undefined ? 'lost' : 'coming' };
  }

  /** Whether a frame's picture is here or may still come: not if it was let go, or will be as soon as it is decoded. */
  mayHave(seq: number): boolean {
    const fed = this.#fed.get(seq);
    return fed === undefined
      ? seq > this.#lastSeq
      : fed.picture !== undefined || fed.index >= this.#floor;
  }

  /**
   * The place that the first of some frames was meant for.
   * @param seqs of frames that a segment shows; where there are none, a late one may still go up a while after its place
   * @param next the segment's next place
   */
  firstOf(seqs: readonly number[], next: FrameIndex): FrameIndex {
    if (seqs.length === 0) {
      return frameIndex(Math.max(0, next - MOST_LATE));
    }
    return frameIndex(Math.min(...seqs.map((seq) => this.#fed.get(seq)?.index ?? this.#floor)));
  }

  /** Pictures that were meant for places before this one are not asked for any more. */
  forgetBefore(index: FrameIndex): void {
    if (index <= this.#floor) {
      // Asked for every frame that an encoder takes: what there was to let go went with the first.
      return;
    }
    this.#floor = index;
    for (const [seq, fed] of this.#fed) {
      if (fed.index < this.#floor && fed.isSettled) {
        if (fed.picture !== undefined) {
          this.#kept -= framesOf(fed.picture);
          releasePicture(fed.picture);
        }
        this.#fed.delete(seq);
      }
    }
    this.#flow();
  }

  /** The session is over: what its decoder still holds comes out. */
  end(): void {
    this.#decoder?.end();
  }

  /** Nobody needs it any more; resolves when its processes have ended. */
  async close(): Promise<void> {
    this.#decoder?.stop();
    await Promise.allSettled(this.#processes);
  }

  /** Another decoder where the parameter sets are others; the one before it gives out what it holds. */
  #openFor(frame: VideoFrame): void {
    const { sps, pps } = parameterSets(frame.data);
    if (sps === undefined || pps === undefined) {
      throw new PipelineError('BAD_MEDIA', 'a start point carries no parameter sets');
    }
    const known = this.#parameters;
    if (known !== undefined && isSame(known.sps, sps) && isSame(known.pps, pps)) {
      return;
    }
    this.#decoder?.end();
    const parameters = { sps: Uint8Array.from(sps), pps: Uint8Array.from(pps) };
    const { program, arch, limits, isOnTime = false } = this.#deps.encoder;
    const { size, signal, held } = this.#deps;
    const take = (seq: number, picture: DecodedPicture): void => {
      this.#take(seq, picture);
    };
    const decoder =
      held?.(parameters, size, take) ??
      new PictureDecoder(
        {
          program,
          arch,
          limits,
          isOnTime,
          source: readSourcePicture(sps),
          parameters,
          size,
          signal,
        },
        take,
      );
    this.#parameters = parameters;
    this.#decoder = decoder;
    const ended = decoder.done
      .then(
        () => {
          this.#settleAllOf(decoder);
        },
        (error: unknown) => {
          this.#failure ??= toPipelineError(error);
          this.#deps.onChange();
        },
      )
      .finally(() => {
        this.#processes.delete(ended);
      });
    this.#processes.add(ended);
  }

  #take(seq: number, picture: DecodedPicture): void {
    const fed = this.#fed.get(seq);
    if (fed === undefined) {
      releasePicture(picture);
      return;
    }
    if (fed.index >= this.#floor) {
      fed.picture = picture;
      this.#kept += framesOf(picture);
    } else {
      // Nobody asks for it: whoever does all the same must not take it for one that cannot be decoded.
      releasePicture(picture);
      this.#fed.delete(seq);
    }
    for (const earlier of this.#fed.values()) {
      // A decoder before this one may still give out what it holds.
      if (earlier.index <= fed.index && earlier.decoder === fed.decoder) {
        earlier.isSettled = true;
      }
    }
    this.#flow();
    this.#deps.onChange();
  }

  #settleAllOf(decoder: PictureDecoder): void {
    for (const fed of this.#fed.values()) {
      fed.isSettled ||= fed.decoder === decoder;
    }
    this.#deps.onChange();
  }

  #flow(): void {
    this.#decoder?.setFlowing(this.#kept < this.#mostKept);
  }
}

const framesOf = ({ second }: DecodedPicture): number => (second === undefined ? 1 : 2);

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
