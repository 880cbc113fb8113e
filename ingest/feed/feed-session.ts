/**
 * One publish into a channel: gathers the first second, lets the frame rate be decided, and from then on gives every
 * frame its place, its number and its raw chunk.
 */
import type { Channel } from '../../common/contracts/channel.ts';
import type { CodedFrame } from '../../common/contracts/frame.ts';
import { FRAME_FLAGS } from '../../common/contracts/log.ts';
import type { FeedStatus } from '../../common/contracts/status.ts';
import type { Clock } from '../../common/clock.ts';
import { PipelineError } from '../../common/errors.ts';
import { gridOf, type FpsName, type Grid } from '../../common/grid.ts';
import type { Logger } from '../../common/logger.ts';
import type { FrameIndex } from '../../common/time.ts';
import { ByteAllowance } from './byte-allowance.ts';
import { ChunkNumbers } from '../raw/chunk-numbers.ts';
import { FeedMeter } from './feed-meter.ts';
import { FeedSource } from './feed-source.ts';
import { detectFps } from '../mapping/fps-detector.ts';
import type { HotWriter, PlacedFrame } from './hot-writer.ts';
import type { RawWriter } from '../raw/raw-writer.ts';
import {
  FIRST_HOLD,
  SessionMap,
  type MappedPacket,
  type MediaPacket,
} from '../mapping/session-map.ts';

/** What a session works with. */
export interface FeedSessionDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxBitrate: number;
  /** Settles the channel's rate, given what this feed looks like, and finds the channel's last frame index. */
  readonly decide: (
    channel: Channel,
    detected: FpsName | undefined,
  ) => Promise<{ readonly fps: FpsName; readonly floor: FrameIndex | undefined }>;
  readonly openHot: (channel: string, session: string) => HotWriter;
  readonly openRaw: (grid: Grid, channel: string, session: string) => RawWriter;
  /** Told of every new highest index. */
  readonly onIndex: (channel: string, index: FrameIndex) => void;
  /** The session's end is in the log and its chunks are on disk. */
  readonly onEnded: (channel: string, session: string) => Promise<void>;
  /** The session cannot go on: its connection must end. */
  readonly onFailure: (error: unknown) => void;
}

/** Without a picture for so long the publish is refused, milliseconds. */
const NO_PICTURE = 10_000;
/** Packets held before the mapping is fixed, bytes. */
const MAX_HELD = 64 << 20;

/** Everything that exists once the mapping is fixed. */
interface Running {
  readonly grid: Grid;
  readonly map: SessionMap;
  readonly chunks: ChunkNumbers;
  readonly hot: HotWriter;
  readonly raw: RawWriter;
}

/** See the head of this file. */
export class FeedSession {
  readonly channel: Channel;
  readonly id: string;
  readonly #deps: FeedSessionDeps;
  readonly #source = new FeedSource();
  readonly #meter = new FeedMeter();
  readonly #allowance: ByteAllowance;
  readonly #encoder: string;
  #held: MediaPacket[] = [];
  #heldBytes = 0;
  #startedAt: number | undefined;
  #lastDataAt: number;
  #deciding: Promise<void> | undefined;
  #running: Running | undefined;
  #isEnded = false;
  #seq = 0;
  #highest: number | undefined;

  constructor(channel: Channel, id: string, encoder: string, deps: FeedSessionDeps) {
    this.channel = channel;
    this.id = id;
    this.#encoder = encoder;
    this.#deps = deps;
    this.#allowance = new ByteAllowance(deps.maxBitrate * deps.clock.rate);
    this.#lastDataAt = deps.clock.now();
  }

  /** Clock time of the newest message. */
  get lastDataAt(): number {
    return this.#lastDataAt;
  }

  /** Takes one message. @throws PipelineError to end the publish */
  tag(type: 'audio' | 'video' | 'script', timestamp: number, data: Buffer): void {
    const now = this.#deps.clock.now();
    this.#lastDataAt = now;
    if (!this.#allowance.take(data.length, now)) {
      throw new PipelineError('OVERLOADED', 'the feed is above the permitted bit rate');
    }
    const packet = this.#source.take(type, timestamp, data, now);
    this.#meter.add(now, data.length, meterKind(packet));
    if (packet === undefined || this.#isEnded) {
      return;
    }
    if (this.#running === undefined) {
      this.#hold(packet, now);
    } else {
      this.#emit(this.#running, this.#running.map.push(packet));
    }
  }

  /** Ends the session: what is held is written, then the end. Resolves once Redis and the disk have all of it. */
  async end(isClean: boolean): Promise<void> {
    if (this.#isEnded) {
      return;
    }
    this.#isEnded = true;
    if (this.#running === undefined && this.#hasPicture()) {
      this.#deciding ??= this.#begin(this.#detect(true));
    }
    await this.#deciding;
    const running = this.#running;
    if (running === undefined) {
      return;
    }
    try {
      this.#emit(running, running.map.end());
    } catch (error) {
      this.#deps.logger.warn({ error }, 'the last frames are lost');
    }
    const at = this.#deps.clock.now();
    running.hot.entry({ t: 'end', session: this.id, clean: isClean, at });
    await Promise.all([running.hot.close(), running.raw.close()]);
    await this.#deps.onEnded(this.channel.id, this.id);
  }

  /** The feed as an operator sees it. */
  status(): FeedStatus {
    const now = this.#deps.clock.now();
    const running = this.#running;
    const facts = running && {
      grid: running.grid,
      declaredFps: this.#source.declaredFps,
      inStep: running.map.inStep,
    };
    const { width = 0, height = 0 } = this.#source.track.parameters ?? {};
    const measured = this.#meter.read(now, facts);
    return {
      slot: 'primary',
      connected: !this.#isEnded,
      session: this.id,
      at: now,
      ...measured,
      warnings: [...measured.warnings, ...(running?.raw.warnings ?? [])],
      width,
      height,
      encoder: this.#source.encoder ?? this.#encoder,
    };
  }

  #hold(packet: MediaPacket, now: number): void {
    this.#startedAt ??= now;
    this.#held.push(packet);
    this.#heldBytes += packet.data.length;
    if (this.#heldBytes > MAX_HELD) {
      throw new PipelineError('OVERLOADED', 'too much came before the first second was over');
    }
    const age = now - this.#startedAt;
    if (!this.#hasPicture()) {
      if (age > NO_PICTURE) {
        throw new PipelineError('UNSUPPORTED_MEDIA', 'only H.264 + AAC, and no picture came');
      }
      // Sound without a picture yet: the second that counts begins with the picture.
      this.#held = this.#held.filter(({ arrival }) => arrival > now - FIRST_HOLD);
      return;
    }
    if (age < FIRST_HOLD || this.#deciding !== undefined) {
      return;
    }
    const fps = this.#detect(false);
    if (this.channel.fps !== null || fps !== undefined) {
      this.#deciding = this.#begin(fps);
    }
  }

  #hasPicture(): boolean {
    return this.#held.some(({ kind }) => kind === 'video');
  }

  #detect(isLast: boolean): FpsName | undefined {
    const presentation = this.#held.flatMap((packet) =>
      packet.kind === 'video' ? [packet.pts] : [],
    );
    const sps = this.#source.track.parameters?.fps;
    return detectFps({ metadata: this.#source.declaredFps, sps, presentation }, isLast);
  }

  async #begin(detected: FpsName | undefined): Promise<void> {
    try {
      const { fps, floor } = await this.#deps.decide(this.channel, detected);
      const grid = gridOf(fps);
      const { parameters } = this.#source.track;
      if (parameters === undefined) {
        throw new PipelineError('BAD_MEDIA', 'a picture without parameter sets');
      }
      const { id } = this.channel;
      const running: Running = {
        grid,
        map: new SessionMap(grid, floor),
        chunks: new ChunkNumbers(grid),
        hot: this.#deps.openHot(id, this.id),
        raw: this.#deps.openRaw(grid, id, this.id),
      };
      const { width, height } = parameters;
      const { aac } = this.#source;
      running.hot.entry({
        t: 'session',
        session: this.id,
        slot: 'primary',
        fps,
        at: this.#deps.clock.now(),
        video: { width, height },
        audio: aac === undefined ? null : { rate: aac.rate, channels: aac.channels },
      });
      this.#deps.logger.info({ fps, width, height, floor }, 'session mapped to the grid');
      this.#running = running;
      const held = this.#held;
      this.#held = [];
      this.#emit(running, running.map.begin(held));
    } catch (error) {
      this.#deps.onFailure(error);
    }
  }

  /** Gives mapped packets their numbers and raw chunks and hands them on. */
  #emit({ chunks, hot, raw }: Running, mapped: readonly MappedPacket[]): void {
    if (mapped.length === 0) {
      return;
    }
    const { parameters, sets } = this.#source.track;
    const { aac } = this.#source;
    const placed: PlacedFrame[] = [];
    for (const item of mapped) {
      const frame = this.#number(item);
      const chunk =
        item.kind === 'video' ? chunks.ofPicture(item.dts) : chunks.ofSound(item.position);
      placed.push({ frame, chunk });
      if (frame.kind === 'video' && frame.index > (this.#highest ?? -1)) {
        this.#highest = frame.index;
        this.#deps.onIndex(this.channel.id, frame.index);
      }
      if (sets !== undefined && parameters !== undefined) {
        const { width, height } = parameters;
        const { dts, arrival } = item.packet;
        const pts = item.packet.kind === 'video' ? item.packet.pts : dts;
        const audio = aac && { rate: aac.rate, channels: aac.channels, config: aac.bytes };
        raw.add({ frame, source: { dts, pts, arrival } }, chunk, {
          width,
          height,
          ...sets,
          audio,
        });
      }
    }
    hot.frames(placed);
  }

  #number(item: MappedPacket): CodedFrame {
    const seq = this.#seq;
    this.#seq += 1;
    if (item.kind === 'video') {
      const { index, dts } = item;
      const { flags, data } = item.packet;
      return { kind: 'video', seq, index, dts, flags, data };
    }
    const { origin, k } = item;
    const { config, data } = item.packet;
    const { rate, channels, bytes } = config;
    return { kind: 'audio', seq, origin, k, rate, channels, config: bytes, data };
  }
}

function meterKind(packet: MediaPacket | undefined): 'frame' | 'start' | 'sound' | 'other' {
  if (packet === undefined) {
    return 'other';
  }
  if (packet.kind === 'audio') {
    return 'sound';
  }
  return (packet.flags & FRAME_FLAGS.start) === 0 ? 'frame' : 'start';
}
