/**
 * Maps one session's packets to the grid: pure, driven by the packets' own arrival times.
 *
 * It holds packets for the first second and then fixes the one offset that picture and sound share. When the source's
 * clock steps, or the feed has moved far from where the offset puts it, it holds again for a moment and fixes another.
 */
import { placeOfTime, SAMPLE_RATE, type Grid } from '#common/grid';
import { frameIndex, milliseconds, type FrameIndex, type SamplePosition } from '#common/time';
import type { AacConfig } from '../media/aac-policy.ts';
import { FrameMap } from './frame-map.ts';
import { PresentationOrder } from './presentation-order.ts';
import { sessionOffset, snapToGrid, steadyFrames } from './session-offset.ts';
import { SoundRuns, steadyStart } from './sound-runs.ts';

/** A coded picture as it arrived. Times in milliseconds; `arrival` on our clock. */
export interface VideoPacket {
  readonly kind: 'video';
  readonly dts: number;
  readonly pts: number;
  readonly arrival: number;
  readonly flags: number;
  readonly data: Buffer;
}

/** An AAC frame as it arrived. */
export interface AudioPacket {
  readonly kind: 'audio';
  readonly dts: number;
  readonly arrival: number;
  readonly config: AacConfig;
  readonly data: Buffer;
}

/** Either. */
export type MediaPacket = VideoPacket | AudioPacket;

/** A packet with its place. Picture leaves in decode order, each with its index in presentation order. */
export type MappedPacket =
  | {
      readonly kind: 'video';
      readonly packet: VideoPacket;
      readonly index: FrameIndex;
      /** Decode time in grid ticks, strictly increasing. */
      readonly dts: number;
    }
  | {
      readonly kind: 'audio';
      readonly packet: AudioPacket;
      readonly origin: SamplePosition;
      readonly k: number;
      /** 48 kHz position of the frame's first sample. */
      readonly position: number;
    };

/** How long the first packets are held to find the earliest arrival. */
export const FIRST_HOLD = 1000;
/** How long packets are held after a step of the source's clock. */
const STEP_HOLD = 300;
/** A difference between neighbouring packets' timestamps that is a step of the clock and not a gap. */
const STEP = 5000;
/** How far from its arrival a packet may be mapped: ahead at once, behind for a whole {@link WINDOW}. */
const OFF_CLOCK = 5000;
const WINDOW = 4000;
/** Nothing for so long is a stall, and the window begins after it. */
const STALL = 1000;

/** The packets in the newest one's time: those that no step parts from it, however long they have been held. */
function currentOf(packets: readonly MediaPacket[]): ReadonlySet<MediaPacket> {
  const current = new Set<MediaPacket>();
  let time = packets.at(-1)?.dts ?? 0;
  for (const packet of packets.toReversed()) {
    if (Math.abs(packet.dts - time) <= STEP) {
      current.add(packet);
      time = packet.dts;
    }
  }
  return current;
}

/** See the head of this file. */
export class SessionMap {
  readonly #grid: Grid;
  readonly #frames: FrameMap;
  readonly #order: PresentationOrder<VideoPacket>;
  readonly #sound = new SoundRuns();
  #held: MediaPacket[] | undefined;
  #hasPicture = false;
  /** What is held only tells where pictures fall between the borders of places; the offset is known but for that. */
  #isPhaseHeld = false;
  #offset = 0;
  #lastTimestamp = 0;
  #lastDts = Number.NEGATIVE_INFINITY;
  #lastArrival = Number.NEGATIVE_INFINITY;
  #windowStart = Number.NEGATIVE_INFINITY;
  #leastBehind = Number.POSITIVE_INFINITY;
  #steps = 0;
  /** Steps that are none: see {@link steps}. */
  #holes = 0;

  /**
   * @param packets what was held since the session's beginning
   * @param floor the last frame index of the channel's session before, if any
   */
  constructor(grid: Grid, floor: FrameIndex | undefined) {
    this.#grid = grid;
    this.#frames = new FrameMap(floor);
    this.#order = new PresentationOrder((packet) => this.#frames.place(this.#position(packet.pts)));
  }

  /** How often the source's clock stepped. After a stall it is mapped anew as well, but has gone on as ours has. */
  get steps(): number {
    return this.#steps - this.#holes;
  }

  /** How often sound did not go on where it was. */
  get soundBreaks(): number {
    return this.#sound.breaks;
  }

  /** Share of frames that follow the grid one by one. */
  get inStep(): number {
    return this.#frames.inStep;
  }

  /** Fixes the offset from the packets held at the beginning and maps them. */
  begin(packets: readonly MediaPacket[]): MappedPacket[] {
    // Also a clock that stepped before it was first mapped has stepped.
    this.#steps += Number(currentOf(packets).size < packets.length);
    this.#held = [...packets];
    this.#hasPicture = packets.some(({ kind }) => kind === 'video');
    return this.#settle();
  }

  /** Takes the next packet; gives those whose places are known. */
  push(packet: MediaPacket): MappedPacket[] {
    if (this.#held !== undefined) {
      this.#held.push(packet);
      const since = packet.arrival - (this.#held[0]?.arrival ?? 0);
      return since >= STEP_HOLD ? this.#settle() : [];
    }
    if (!this.#hasPicture && packet.kind === 'video') {
      this.#hasPicture = true;
      this.#isPhaseHeld = true;
      this.#held = [packet];
      return [];
    }
    if (this.#isStep(packet)) {
      this.#steps += 1;
      this.#held = [packet];
      return this.#ordered(this.#order.restart());
    }
    return this.#map(packet);
  }

  /** The session is over: gives what is left. */
  end(): MappedPacket[] {
    const settled = this.#held === undefined ? [] : this.#settle();
    return [...settled, ...this.#ordered(this.#order.flush())];
  }

  #isStep(packet: MediaPacket): boolean {
    const step = packet.dts - this.#lastTimestamp;
    const passed = packet.arrival - this.#lastArrival;
    this.#lastTimestamp = packet.dts;
    const behind = packet.arrival - packet.dts - this.#offset;
    if (Math.abs(step) > STEP || behind < -OFF_CLOCK) {
      this.#holes += Number(passed > STALL && Math.abs(step - passed) <= STEP);
      return true;
    }
    if (passed > STALL) {
      this.#windowStart = packet.arrival;
      this.#leastBehind = Number.POSITIVE_INFINITY;
    }
    this.#lastArrival = packet.arrival;
    this.#leastBehind = Math.min(this.#leastBehind, behind);
    if (packet.arrival - this.#windowStart < WINDOW) {
      return false;
    }
    // A stall ends in a burst that catches up; a feed that never was near the clock in a whole window will not.
    const isBehind = this.#leastBehind > OFF_CLOCK;
    this.#windowStart = packet.arrival;
    this.#leastBehind = Number.POSITIVE_INFINITY;
    return isBehind;
  }

  #settle(): MappedPacket[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    const last = held.at(-1);
    if (last === undefined) {
      return [];
    }
    // Around a step the two tracks may still alternate between old and new time; the newest packet's time counts.
    const currents = currentOf(held);
    const isCurrent = (packet: MediaPacket): boolean => currents.has(packet);
    const current = held.filter(isCurrent);
    const pictures = current.flatMap((packet) => (packet.kind === 'video' ? [packet] : []));
    // Beyond the last decode time B-frames are still to come: those are not all there.
    const decoded = pictures.at(-1)?.dts ?? 0;
    const presentation = pictures.map(({ pts }) => pts).filter((pts) => pts <= decoded);
    const isKnown = this.#isPhaseHeld;
    this.#isPhaseHeld = false;
    // A camera that comes may hold up all that it comes with: sound that has gone on until then must not jump with it.
    this.#offset = isKnown
      ? snapToGrid(this.#grid, this.#offset, presentation)
      : sessionOffset(this.#grid, current, presentation);
    this.#lastTimestamp = last.dts;
    this.#lastArrival = last.arrival;
    this.#windowStart = last.arrival;
    this.#leastBehind = Number.POSITIVE_INFINITY;
    this.#frames.restart(steadyFrames(presentation.map((pts) => this.#position(pts))));
    const sound = current.flatMap((packet) => (packet.kind === 'audio' ? [packet] : []));
    const firstSound = isKnown ? undefined : sound[0];
    const start =
      firstSound === undefined
        ? 0
        : steadyStart(
            sound.map((packet) => this.#samplePosition(packet.dts)),
            firstSound.config.rate,
          );
    let time = current[0]?.dts ?? 0;
    return held.flatMap((packet) => {
      if (packet === firstSound) {
        return this.#mapSound(packet, start);
      }
      if (isCurrent(packet)) {
        time = packet.kind === 'video' ? packet.dts : time;
        return this.#map(packet);
      }
      // Its own time means nothing here, but a picture is still needed to decode the next.
      return packet.kind === 'video' ? this.#map({ ...packet, dts: time, pts: time }) : [];
    });
  }

  #map(packet: MediaPacket): MappedPacket[] {
    return packet.kind === 'video'
      ? this.#ordered(this.#order.push(packet))
      : [
          ...this.#ordered(this.#order.hear(packet.dts)),
          ...this.#mapSound(packet, this.#samplePosition(packet.dts)),
        ];
  }

  #mapSound(packet: AudioPacket, position: number): MappedPacket[] {
    const { rate, bytes } = packet.config;
    const place = this.#sound.place(position, rate, bytes);
    if (place === undefined) {
      return [];
    }
    const samples = (place.k * 1024 * SAMPLE_RATE) / rate;
    return [{ kind: 'audio', packet, ...place, position: place.origin + samples }];
  }

  #ordered(
    known: readonly { readonly frame: VideoPacket; readonly index: number }[],
  ): MappedPacket[] {
    return known.map(({ frame, index }) => this.#toVideo(frame, index));
  }

  #toVideo(packet: VideoPacket, index: number): MappedPacket {
    const { frameTicks, timescale } = this.#grid;
    const ahead = Math.round(((packet.pts - packet.dts) * timescale) / 1000);
    // Frames that share a place are a tick apart, so that decode times never stand still.
    this.#lastDts = Math.max(this.#lastDts + 1, index * frameTicks - ahead);
    return { kind: 'video', packet, index: frameIndex(index), dts: this.#lastDts };
  }

  /** Where a time of the source falls, in frames; a place's borders lie half a frame to both sides of a whole number. */
  #position(time: number): number {
    return placeOfTime(this.#grid, milliseconds(time + this.#offset));
  }

  #samplePosition(time: number): number {
    return ((time + this.#offset) * SAMPLE_RATE) / 1000;
  }
}
