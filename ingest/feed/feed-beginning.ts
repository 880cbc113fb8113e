/**
 * A feed's first packets, held until its frame rate can be told and the earliest arrival of its first second is known.
 * Pure; bounded in time and bytes. It is over at the first picture that can be decoded, plus a second or what the rate needs;
 * where the channel's rate is known, also after some seconds of sound alone: a camera may be gone when an encoder comes back.
 */
import { FRAME_FLAGS } from '#common/contracts/log';
import { PipelineError } from '#common/errors';
import type { FpsName } from '#common/grid';
import { LONGEST_ORDER_WAIT } from '#common/lateness';
import { detectFps, sourceFps, type FpsEvidence } from '../mapping/fps-detector.ts';
import { FIRST_HOLD, type MediaPacket } from '../mapping/session-map.ts';
import type { FeedSource } from './feed-source.ts';

/** Without a picture that can be decoded for so long the publish is refused, milliseconds. */
const NO_PICTURE = 20_000;
/** A channel whose rate is known begins with sound alone after so long, milliseconds. */
const SOUND_ALONE = 5000;
/** Pictures may come so much behind sound of their time, milliseconds: half a second after that wait their places are closed. */
const MOST_BEHIND = LONGEST_ORDER_WAIT + 500;
/** Milliseconds of arrival after which the rate is decided by what there is: timestamps may stand still. */
const DECIDE_BY = 8000;
/** Milliseconds between two looks at the rate: each sorts all timestamps. */
const LOOK_EVERY = 100;
/** Packets held, bytes; each counts for at least {@link PACKET_COST}. */
const MAX_HELD = 64 << 20;
const PACKET_COST = 512;

/** What the beginning needs to know of the source. */
export type BeginningSource = Pick<FeedSource, 'declaredFps' | 'pictures' | 'track'>;

const costOf = ({ data }: MediaPacket): number => data.length + PACKET_COST;

/** See the head of this file. */
export class FeedBeginning {
  readonly #source: BeginningSource;
  #held: MediaPacket[] = [];
  #cost = 0;
  #startedAt: number | undefined;
  #pictureAt: number | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(source: BeginningSource) {
    this.#source = source;
  }

  /** Whether a picture that can be decoded has come. */
  get hasPicture(): boolean {
    return this.#pictureAt !== undefined;
  }

  /**
   * Takes a message's packet, if it had one.
   * @throws UNSUPPORTED_MEDIA if no picture comes for too long, OVERLOADED if too much comes
   */
  add(packet: MediaPacket | undefined, now: number): void {
    this.#startedAt ??= now;
    if (packet !== undefined) {
      this.#held.push(packet);
      this.#cost += costOf(packet);
      if (packet.kind === 'video') {
        this.#pictureAt ??= now;
      }
    }
    if (this.#cost > MAX_HELD) {
      throw new PipelineError('OVERLOADED', 'too much came before the feed could be mapped');
    }
    if (this.#pictureAt === undefined) {
      if (now - this.#startedAt > NO_PICTURE) {
        throw new PipelineError('UNSUPPORTED_MEDIA', this.#missing());
      }
      this.#forgetBefore(now - FIRST_HOLD - MOST_BEHIND);
    }
  }

  /**
   * The feed's frame rate as far as it can be told.
   * @returns `wait` until the first second is over and, unless it is not `needed`, the rate is known; or until sound has
   * been alone for long and it is not needed
   */
  look(now: number, isNeeded: boolean): FpsName | undefined | 'wait' {
    if (this.#pictureAt === undefined) {
      const isLong = now - (this.#startedAt ?? now) >= SOUND_ALONE;
      return isLong && !isNeeded && this.#held.length > 0 ? undefined : 'wait';
    }
    const age = now - this.#pictureAt;
    if (age < FIRST_HOLD || now - this.#lookedAt < LOOK_EVERY) {
      return 'wait';
    }
    this.#lookedAt = now;
    const fps = this.detect(age >= DECIDE_BY);
    return fps === undefined && isNeeded ? 'wait' : fps;
  }

  /** The rate by what is held; with `isLast` there is always one. */
  detect(isLast: boolean): FpsName | undefined {
    return detectFps(this.#evidence(), isLast);
  }

  /** Frames a second by what is held. */
  get sourceFps(): number | undefined {
    return sourceFps(this.#evidence());
  }

  /** Gives all that is held and lets go of it. */
  take(): MediaPacket[] {
    const held = this.#held;
    this.#held = [];
    this.#cost = 0;
    return held;
  }

  #evidence(): FpsEvidence {
    const pictures = this.#held.filter((packet) => packet.kind === 'video');
    const presentation = pictures.map(({ pts }) => pts);
    const fields = pictures.filter(({ flags }) => (flags & FRAME_FLAGS.fields) !== 0);
    const isInterlaced = 2 * fields.length > pictures.length;
    const { declaredFps, track } = this.#source;
    const sps = track.parameters?.fps;
    return { metadata: declaredFps, sps, presentation, isInterlaced };
  }

  /** Sound without a picture yet: that of the picture's time is needed, and a second more. */
  #forgetBefore(arrival: number): void {
    const kept = this.#held.findIndex((packet) => packet.arrival > arrival);
    for (const packet of this.#held.splice(0, kept < 0 ? this.#held.length : kept)) {
      this.#cost -= costOf(packet);
    }
  }

  #missing(): string {
    const { pictures, track } = this.#source;
    const seconds = NO_PICTURE / 1000;
    if (pictures === 0) {
      return `only H.264 + AAC: no picture came in ${seconds} s; check that the encoder sends H.264 video`;
    }
    if (track.undecodable > 0 || track.parameters === undefined) {
      return `the picture's parameter sets (SPS, PPS) did not come in ${seconds} s: restart the encoder, or have it repeat them before each keyframe`;
    }
    return `no keyframe came in ${seconds} s: set the encoder's keyframe interval to 2 s`;
  }
}
