/**
 * What a worker holds ready to take over a channel from another at once: encoders of its pictures, opened, and a decoder that waits for
 * the session's first picture. Starting them took more than a third of a takeover. Held, they take memory and nothing else; one channel's
 * at a time, for as long as the leader asks for it with each segment.
 */
import type { DecodeFrom, EarlyTask } from '#common/contracts/early-task';
import type { VideoFrame } from '#common/contracts/frame';
import { FRAME_FLAGS } from '#common/contracts/log';
import { toPipelineError } from '#common/errors';
import { gridOf } from '#common/grid';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import { parameterSets } from '../picture-input.ts';
import { readSourcePicture } from '../source-picture.ts';
import type { Encoder } from '../transcode.ts';
import { frameSizeOf } from './low-segment.ts';
import type { FrameSize } from './picture-commands.ts';
import {
  PictureDecoder,
  releasePicture,
  type DecodedPicture,
  type ParameterSets,
} from './picture-decoder.ts';
import { PictureEncoder, type PictureKind } from './picture-encoder.ts';

/** What is not asked for so long, real milliseconds, is held no longer. */
const HELD_MS = 10_000;
/** Segments for which encoders are held: the one that is taken over, and the next, which has begun by the time that one is caught up with. */
const MOST_SETS = 2;

/** What standing by needs. */
export interface StandbyDeps {
  readonly encoder: Encoder;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** A session's frame, if it is still at hand. */
  readonly frameOf: (channel: string, decode: DecodeFrom) => Promise<VideoFrame | undefined>;
}

interface HeldDecoder {
  readonly decoder: PictureDecoder;
  readonly key: string;
  onPicture: (seq: number, picture: DecodedPicture) => void;
}

interface Held {
  /** Of what it was started for. */
  readonly channel: string;
  readonly encodersKey: string;
  /** The encoders of a segment each. */
  sets: readonly (readonly PictureEncoder[])[];
  decoder: HeldDecoder | undefined;
  isDecoderSought: boolean;
  readonly expiry: NodeJS.Timeout;
}

const encodersKeyOf = ({ grid, size, renditions }: Omit<PictureKind, 'profile'>): string =>
  JSON.stringify([grid.name, size, renditions]);

const decoderKeyOf = ({ sps, pps }: ParameterSets, size: FrameSize): string =>
  JSON.stringify([Buffer.from(sps).toString('hex'), Buffer.from(pps).toString('hex'), size]);

/** See the head of this file. */
export class Standby implements Closable {
  readonly #deps: StandbyDeps;
  #held: Held | undefined;

  constructor(deps: StandbyDeps) {
    this.#deps = deps;
  }

  /** Holds ready what segments of that kind need. Each time one thing more is started: nothing of it is to be felt. */
  keep(task: EarlyTask): void {
    const kind = kindOf(task);
    const encodersKey = encodersKeyOf(kind);
    const held = this.#held ?? this.#begin(task.channel, encodersKey);
    if (held.channel !== task.channel || held.encodersKey !== encodersKey) {
      return;
    }
    held.expiry.refresh();
    if (held.sets.length > 0 && held.decoder === undefined && task.decode !== null) {
      this.#seekDecoder(held, task, kind.size);
    } else if (held.sets.length < MOST_SETS) {
      this.#startEncoders(held, kind);
    }
  }

  /** The encoders for a segment of that kind, the caller's from now on, if they are held. */
  takeEncoders(kind: PictureKind): readonly PictureEncoder[] | undefined {
    const held = this.#held;
    if (held?.encodersKey !== encodersKeyOf(kind)) {
      return undefined;
    }
    const [first, ...others] = held.sets;
    held.sets = others;
    return first;
  }

  /** A decoder for these parameter sets that was fed nothing, the caller's from now on, if there is one. */
  takeDecoder(
    parameters: ParameterSets,
    size: FrameSize,
    onPicture: (seq: number, picture: DecodedPicture) => void,
  ): PictureDecoder | undefined {
    const decoder = this.#held?.decoder;
    if (this.#held === undefined || decoder?.key !== decoderKeyOf(parameters, size)) {
      return undefined;
    }
    this.#held.decoder = undefined;
    this.#held.isDecoderSought = false;
    decoder.onPicture = onPicture;
    return decoder.decoder;
  }

  close(): Promise<void> {
    this.#letGo();
    return Promise.resolve();
  }

  #begin(channel: string, encodersKey: string): Held {
    const expiry = setTimeout(() => {
      this.#letGo();
    }, HELD_MS);
    expiry.unref();
    this.#held = {
      channel,
      encodersKey,
      sets: [],
      decoder: undefined,
      isDecoderSought: false,
      expiry,
    };
    return this.#held;
  }

  #startEncoders(held: Held, kind: PictureKind): void {
    const { encoder, logger } = this.#deps;
    const set = PictureEncoder.startAll(kind, encoder);
    held.sets = [...held.sets, set];
    for (const { done } of set) {
      done.catch((error: unknown) => {
        if (held.sets.includes(set)) {
          held.sets = held.sets.filter((other) => other !== set);
          for (const other of set) {
            other.stop();
          }
          logger.warn({ error: toPipelineError(error) }, 'encoder held ready has ended');
        }
      });
    }
  }

  #seekDecoder(held: Held, { channel, decode }: EarlyTask, size: FrameSize): void {
    if (decode === null || held.isDecoderSought) {
      return;
    }
    held.isDecoderSought = true;
    this.#deps
      .frameOf(channel, decode)
      .then((frame) => {
        if (this.#held === held && !this.#deps.signal.aborted) {
          held.decoder = this.#startDecoder(held, frame, size);
          held.isDecoderSought = held.decoder !== undefined;
        }
      })
      .catch((error: unknown) => {
        held.isDecoderSought = false;
        this.#deps.logger.debug({ error: toPipelineError(error) }, 'no decoder held ready');
      });
  }

  #startDecoder(
    held: Held,
    frame: VideoFrame | undefined,
    size: FrameSize,
  ): HeldDecoder | undefined {
    const isStart = frame !== undefined && (frame.flags & FRAME_FLAGS.start) !== 0;
    const { sps, pps } = isStart ? parameterSets(frame.data) : {};
    if (sps === undefined || pps === undefined) {
      return undefined;
    }
    const { encoder, signal } = this.#deps;
    const { program, arch, limits, isOnTime = false } = encoder;
    const parameters = { sps: Uint8Array.from(sps), pps: Uint8Array.from(pps) };
    const source = readSourcePicture(sps);
    const one: HeldDecoder = {
      decoder: new PictureDecoder(
        { program, arch, limits, isOnTime, source, parameters, size, signal },
        (seq, picture) => {
          one.onPicture(seq, picture);
        },
      ),
      key: decoderKeyOf(parameters, size),
      onPicture: (_seq, picture) => {
        releasePicture(picture);
      },
    };
    one.decoder.done.catch(() => {
      if (held.decoder === one) {
        held.decoder = undefined;
        held.isDecoderSought = false;
      }
    });
    return one;
  }

  #letGo(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) {
      return;
    }
    clearTimeout(held.expiry);
    const encoders = held.sets.flat();
    held.sets = [];
    for (const encoder of encoders) {
      encoder.stop();
    }
    held.decoder?.decoder.stop();
  }
}

function kindOf({ fps, profile, renditions }: EarlyTask): PictureKind {
  return {
    grid: gridOf(fps),
    profile,
    renditions: renditions.filter((rendition) => rendition.kind === 'video'),
    size: frameSizeOf(renditions),
  };
}
