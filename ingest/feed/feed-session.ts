/**
 * One publish into a channel: gathers the first second, lets the frame rate be decided, and from then on gives every
 * frame its place, its number and its raw chunk.
 */
import type { Channel } from '#common/contracts/channel';
import type { CodedFrame } from '#common/contracts/frame';
import { FEED_REFUSED, type FeedStatus } from '#common/contracts/status';
import type { Clock } from '#common/clock';
import { PipelineError, toPipelineError } from '#common/errors';
import { gridOf, type FpsName, type Grid } from '#common/grid';
import type { Logger } from '#common/logger';
import type { FrameIndex } from '#common/time';
import { Allowance } from './allowance.ts';
import { ChunkNumbers } from '../raw/chunk-numbers.ts';
import { shownSize } from '../media/sps-policy.ts';
import { FeedBeginning } from './feed-beginning.ts';
import { FeedMeter, meterKind } from './feed-meter.ts';
import { FeedSource } from './feed-source.ts';
import { WarningLog } from './warning-log.ts';
import type { HotWriter } from './hot-writer.ts';
import type { PlacedFrame } from './sent-frames.ts';
import type { RawWriter } from '../raw/raw-writer.ts';
import { SessionMap, type MappedPacket, type MediaPacket } from '../mapping/session-map.ts';

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
  readonly openHot: (channel: Channel, session: string) => HotWriter;
  readonly openRaw: (grid: Grid, channel: string, session: string) => RawWriter;
  /** Told of every new highest index. */
  readonly onIndex: (channel: string, index: FrameIndex) => void;
  /** The session's end is in the log and its chunks are on disk. */
  readonly onEnded: (channel: string, session: string) => Promise<void>;
  /** The session cannot go on: its connection must end. */
  readonly onFailure: (error: unknown) => void;
}

/** Messages a second for long: 240 pictures and 94 AAC frames at 96 kHz leave room for as many again. */
const MAX_MESSAGES = 1000;

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
  readonly #beginning = new FeedBeginning(this.#source);
  readonly #meter = new FeedMeter();
  readonly #warningLog: WarningLog;
  readonly #bytes: Allowance;
  readonly #messages = new Allowance(MAX_MESSAGES);
  readonly #encoder: string;
  /** Why the publish was ended by us. */
  #refusal: PipelineError | undefined;
  #lastDataAt: number;
  #deciding: Promise<void> | undefined;
  #running: Running | undefined;
  #sourceFps: number | undefined;
  #isEnded = false;
  /** The log knows the size of the session's pictures. */
  #isPictureTold = false;
  #seq = 0;
  #highest: number | undefined;

  constructor(channel: Channel, id: string, encoder: string, deps: FeedSessionDeps) {
    this.channel = channel;
    this.id = id;
    this.#encoder = encoder;
    this.#deps = deps;
    this.#bytes = new Allowance((deps.maxBitrate / 8) * deps.clock.rate);
    this.#warningLog = new WarningLog(deps.logger);
    this.#lastDataAt = deps.clock.now();
  }

  /** Clock time of the newest message. */
  get lastDataAt(): number {
    return this.#lastDataAt;
  }

  /** Takes one message. @throws PipelineError to end the publish */
  tag(type: 'audio' | 'video' | 'script', timestamp: number, data: Buffer): void {
    try {
      this.#take(type, timestamp, data);
    } catch (error) {
      this.#refuse(error);
      throw error;
    }
  }

  /**
   * Ends the session: what is held is written, then the end. Resolves once Redis and the disk have all of it, or Redis
   * was given up: then the session stays open in the spool, for the next start to end it.
   */
  async end(isClean: boolean): Promise<void> {
    if (this.#isEnded) {
      return;
    }
    this.#isEnded = true;
    if (this.#running === undefined && this.#beginning.hasPicture) {
      this.#deciding ??= this.#begin(this.#beginning.detect(true));
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
    const [isTold] = await Promise.all([running.hot.close(), running.raw.close()]);
    if (isTold) {
      await this.#deps.onEnded(this.channel.id, this.id);
    }
  }

  /** Redis has lost its data: the session and what is still held of it are appended again. */
  appendAgain(): void {
    this.#running?.hot.appendAgain();
  }

  /** Begins once the first second is over, whether anything more has come or not; called every now and then. */
  look(): void {
    if (!this.#isEnded && this.#running === undefined) {
      this.#lookAtBeginning(this.#deps.clock.now());
    }
  }

  /** The feed as an operator sees it. */
  status(): FeedStatus {
    const now = this.#deps.clock.now();
    const running = this.#running;
    const { aac, oddCompositionTimes, track } = this.#source;
    const { width = 0, height = 0 } = track.parameters ?? {};
    const { isOfFields: isInterlaced, undecodable } = track;
    const facts = running && {
      grid: running.grid,
      sourceFps: this.#sourceFps,
      isInterlaced,
      soundRate: aac?.rate,
      inStep: running.map.inStep,
      steps: running.map.steps,
      soundBreaks: running.map.soundBreaks,
      oddCompositionTimes,
      undecodable,
    };
    const measured = this.#meter.read(now, this.#source.headers, facts);
    const warnings = [...measured.warnings, ...(running?.raw.warnings ?? [])];
    if (!this.#isEnded) {
      this.#warningLog.write(warnings, now);
    }
    const refusal = this.#refusal && [{ code: FEED_REFUSED, message: this.#refusal.message }];
    return {
      slot: 'primary',
      connected: !this.#isEnded,
      session: this.id,
      at: now,
      ...measured,
      warnings: refusal ?? warnings,
      width,
      height,
      encoder: this.#source.encoder ?? this.#encoder,
    };
  }

  #take(type: 'audio' | 'video' | 'script', timestamp: number, data: Buffer): void {
    const now = this.#deps.clock.now();
    this.#lastDataAt = now;
    if (!this.#messages.take(1, now)) {
      const message = `the feed sends more than ${MAX_MESSAGES} messages a second: set a lower frame rate in the encoder`;
      throw new PipelineError('OVERLOADED', message);
    }
    this.#pay(data.length, now);
    const packet = this.#source.take(type, timestamp, data, now);
    // What we add to a picture is paid like what came: else a tiny keyframe costs as much as a large one.
    this.#pay(Math.max(0, (packet?.data.length ?? 0) - data.length), now);
    this.#meter.add(now, data.length, meterKind(type, data, packet), timestamp);
    if (this.#isEnded) {
      return;
    }
    if (this.#running === undefined) {
      this.#hold(packet, now);
    } else if (packet !== undefined) {
      this.#emit(this.#running, this.#running.map.push(packet));
    }
  }

  #pay(bytes: number, now: number): void {
    if (!this.#bytes.take(bytes, now)) {
      const message = 'the feed is above the permitted bit rate: set a lower one in the encoder';
      throw new PipelineError('OVERLOADED', message);
    }
  }

  #hold(packet: MediaPacket | undefined, now: number): void {
    this.#beginning.add(packet, now);
    this.#lookAtBeginning(now);
  }

  #lookAtBeginning(now: number): void {
    if (this.#deciding !== undefined) {
      return;
    }
    const fps = this.#beginning.look(now, this.channel.fps === null);
    if (fps !== 'wait') {
      this.#deciding = this.#begin(fps);
    }
  }

  #refuse(error: unknown): void {
    this.#refusal ??= toPipelineError(error);
    const { code, message } = this.#refusal;
    this.#deps.logger.warn({ code, reason: message }, 'feed refused');
  }

  async #begin(detected: FpsName | undefined): Promise<void> {
    try {
      this.#sourceFps = this.#beginning.sourceFps;
      const { fps, floor } = await this.#deps.decide(this.channel, detected);
      const grid = gridOf(fps);
      if (this.#beginning.hasPicture && this.#source.track.parameters === undefined) {
        throw new PipelineError('BAD_MEDIA', 'a picture without parameter sets');
      }
      const { id } = this.channel;
      const running: Running = {
        grid,
        map: new SessionMap(grid, floor),
        chunks: new ChunkNumbers(grid),
        hot: this.#deps.openHot(this.channel, this.id),
        raw: this.#deps.openRaw(grid, id, this.id),
      };
      const hasPicture = this.#beginning.hasPicture;
      const video = this.#announce(running, hasPicture);
      this.#deps.logger.info({ fps, ...video, floor }, 'session mapped to the grid');
      this.#running = running;
      this.#emit(running, running.map.begin(this.#beginning.take()));
    } catch (error) {
      this.#refuse(error);
      this.#deps.onFailure(error);
    }
  }

  /** Tells the log of the session; gives the picture's size, null without one. */
  #announce(
    { grid, hot }: Pick<Running, 'grid' | 'hot'>,
    hasPicture: boolean,
  ): { readonly width: number; readonly height: number } | null {
    const { aac, track } = this.#source;
    const video = hasPicture && track.parameters ? shownSize(track.parameters) : null;
    hot.entry({
      t: 'session',
      session: this.id,
      slot: 'primary',
      fps: grid.name,
      at: this.#deps.clock.now(),
      video,
      audio: aac === undefined ? null : { rate: aac.rate, channels: aac.channels },
    });
    this.#isPictureTold = video !== null;
    return video;
  }

  /** Gives mapped packets their numbers and raw chunks and hands them on. */
  #emit(running: Running, mapped: readonly MappedPacket[]): void {
    const { chunks, hot, raw } = running;
    if (mapped.length === 0) {
      return;
    }
    if (!this.#isPictureTold && mapped.some(({ kind }) => kind === 'video')) {
      const video = this.#announce(running, true);
      this.#deps.logger.info({ ...video }, 'pictures begin');
      chunks.breakHere();
    }
    const { aac, track } = this.#source;
    const { parameters, sets } = track;
    const isKnown = this.#isPictureTold && sets !== undefined && parameters !== undefined;
    const picture = isKnown
      ? { width: parameters.width, height: parameters.height, ...sets }
      : undefined;
    const audio = aac && { rate: aac.rate, channels: aac.channels, config: aac.bytes };
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
      const { dts, arrival } = item.packet;
      const pts = item.packet.kind === 'video' ? item.packet.pts : dts;
      raw.add({ frame, source: { dts, pts, arrival } }, chunk, { picture, audio });
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
