/** What one publisher sends, message by message, as packets and facts: codecs, metadata, running timestamps. */
import { PipelineError } from '#common/errors';
import { acceptAacConfig, type AacConfig } from '../media/aac-policy.ts';
import { FieldPair } from '../media/field-pair.ts';
import { parseAudioTag, parseVideoTag, TimestampClock } from '../media/flv-tag.ts';
import { H264Track } from '../media/h264-track.ts';
import { parseMetadata } from '../media/script-data.ts';
import type { MediaPacket } from '../mapping/session-map.ts';
import type { FeedHeaders } from './feed-arrivals.ts';

/** Composition times beyond this are a mistake, milliseconds: the frame is shown when it is decoded. Two B-frames at 1 fps need as much. */
const MAX_COMPOSITION_TIME = 3000;
/** Largest AAC frame: 6144 bits for each of 8 channels (ISO/IEC 14496-3 §4.5.1.1). */
const MAX_AAC_FRAME = 6144;

/** See the head of this file. */
export class FeedSource {
  readonly track = new H264Track();
  readonly #fields = new FieldPair();
  readonly #time = new TimestampClock();
  #aac: AacConfig | undefined;
  #pictures = 0;
  #oddCompositionTimes = 0;
  #metadata = new Map<string, number | string | boolean>();

  /** The sound's configuration, once it came. */
  get aac(): AacConfig | undefined {
    return this.#aac;
  }

  /** Which tracks can be decoded by what has come: pictures also need that no keyframe has named other sets. */
  get headers(): FeedHeaders {
    const { parameters, sets, undecodable } = this.track;
    return {
      picture: sets !== undefined || (parameters !== undefined && undecodable === 0),
      sound: this.#aac !== undefined,
    };
  }

  /** Messages with a picture, decodable or not. */
  get pictures(): number {
    return this.#pictures;
  }

  /** Composition times that were not believed. */
  get oddCompositionTimes(): number {
    return this.#oddCompositionTimes;
  }

  /** `framerate` of onMetaData. */
  get declaredFps(): number | undefined {
    const value = this.#metadata.get('framerate') ?? this.#metadata.get('videoframerate');
    const fps = Number(value);
    return value !== undefined && fps > 0 && fps < 1000 ? fps : undefined;
  }

  /** `encoder` of onMetaData. */
  get encoder(): string | undefined {
    const value = this.#metadata.get('encoder');
    return typeof value === 'string' && value !== '' ? value.slice(0, 100) : undefined;
  }

  /**
   * Takes one message.
   * @param data a view; what is kept of it is copied
   * @returns a packet, if it carries a picture that can be decoded, or sound
   * @throws PipelineError UNSUPPORTED_MEDIA, BAD_MEDIA
   */
  take(
    type: 'audio' | 'video' | 'script',
    timestamp: number,
    data: Buffer,
    arrival: number,
  ): MediaPacket | undefined {
    switch (type) {
      case 'audio':
        return damaged('sound', () => this.#audio(timestamp, data, arrival));
      case 'video':
        return damaged('picture', () => this.#video(timestamp, data, arrival));
      case 'script':
        // Some encoders repeat it several times a second.
        for (const [name, value] of parseMetadata(data) ?? []) {
          this.#metadata.set(name, value);
        }
        if (this.#metadata.size > 256) {
          this.#metadata.clear();
        }
        return undefined;
    }
  }

  #video(timestamp: number, data: Buffer, arrival: number): MediaPacket | undefined {
    const tag = parseVideoTag(data);
    switch (tag.kind) {
      case 'none':
        return undefined;
      case 'config':
        this.track.configure(tag.data);
        return undefined;
      case 'picture': {
        this.#pictures += 1;
        const picture = this.track.picture(tag.data);
        const dts = this.#time.unwrap(timestamp);
        if (picture === undefined) {
          return undefined;
        }
        const { compositionTime } = tag;
        const isSane = Math.abs(compositionTime) <= MAX_COMPOSITION_TIME;
        this.#oddCompositionTimes += Number(!isSane);
        const pts = isSane ? dts + compositionTime : dts;
        const { flags, data: bytes } = picture;
        return this.#fields.take({ kind: 'video', dts, pts, arrival, flags, data: bytes }, picture);
      }
    }
  }

  #audio(timestamp: number, data: Buffer, arrival: number): MediaPacket | undefined {
    const tag = parseAudioTag(data);
    switch (tag.kind) {
      case 'none':
        return undefined;
      case 'config':
        this.#aac = acceptAacConfig(tag.data);
        return undefined;
      case 'frame': {
        const dts = this.#time.unwrap(timestamp);
        if (this.#aac === undefined) {
          return undefined;
        }
        if (tag.data.length > MAX_AAC_FRAME) {
          throw new PipelineError('BAD_MEDIA', `an AAC frame of ${tag.data.length} bytes`);
        }
        // A raw frame never begins with an end; a decoder would take it for a header and follow it.
        if (tag.data[0] === 0xff && ((tag.data[1] ?? 0) & 0xf0) === 0xf0) {
          throw new PipelineError('BAD_MEDIA', 'ADTS headers; FLV carries raw AAC frames');
        }
        return { kind: 'audio', dts, arrival, config: this.#aac, data: Buffer.from(tag.data) };
      }
    }
  }
}

/** Tells a publisher what can be done about media that do not parse. */
function damaged<T>(track: 'sound' | 'picture', parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'BAD_MEDIA') {
      const advice = 'restart the encoder; if it happens again, use another one';
      const message = `the feed's ${track} is damaged (${error.message}): ${advice}`;
      throw new PipelineError('BAD_MEDIA', message, { cause: error });
    }
    throw error;
  }
}
