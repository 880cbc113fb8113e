/** FLV tags as RTMP carries them: VIDEODATA and AUDIODATA (Adobe FLV 10.1, §E.4.2 and §E.4.3). */
import { PipelineError } from '../../common/errors.ts';

/** A video message. `config` is an AVCDecoderConfigurationRecord, `picture` an AVCC sample; both are views. */
export type VideoTag =
  | { readonly kind: 'config'; readonly data: Uint8Array }
  | {
      readonly kind: 'picture';
      readonly data: Uint8Array;
      /** Presentation minus decode time, signed. */
      readonly compositionTime: number;
    }
  | { readonly kind: 'none' };

/** An audio message. `config` is an AudioSpecificConfig, `frame` a raw AAC frame; both are views. */
export type AudioTag =
  | { readonly kind: 'config'; readonly data: Uint8Array }
  | { readonly kind: 'frame'; readonly data: Uint8Array }
  | { readonly kind: 'none' };

const CODEC_AVC = 7;
const FRAME_TYPE_COMMAND = 5;
const SOUND_FORMAT_AAC = 10;
const NONE = { kind: 'none' } as const;
const UNSUPPORTED = 'only H.264 + AAC';

/**
 * Parses VIDEODATA.
 * @throws UNSUPPORTED_MEDIA for any codec but H.264, Enhanced RTMP's FourCC form included
 */
export function parseVideoTag(data: Uint8Array): VideoTag {
  const first = data[0];
  if (first === undefined) {
    return NONE;
  }
  // Enhanced RTMP sets the highest bit and names the codec by FourCC.
  if ((first & 0x80) !== 0 || (first & 15) !== CODEC_AVC) {
    throw new PipelineError('UNSUPPORTED_MEDIA', UNSUPPORTED);
  }
  if (first >> 4 === FRAME_TYPE_COMMAND || data.length < 5) {
    return NONE;
  }
  if (data[1] === 0) {
    return { kind: 'config', data: data.subarray(5) };
  }
  if (data[1] !== 1) {
    return NONE;
  }
  const unsigned = ((data[2] ?? 0) << 16) | ((data[3] ?? 0) << 8) | (data[4] ?? 0);
  return { kind: 'picture', data: data.subarray(5), compositionTime: (unsigned << 8) >> 8 };
}

/**
 * Parses AUDIODATA.
 * @throws UNSUPPORTED_MEDIA for any codec but AAC
 */
export function parseAudioTag(data: Uint8Array): AudioTag {
  const first = data[0];
  if (first === undefined) {
    return NONE;
  }
  if (first >> 4 !== SOUND_FORMAT_AAC) {
    throw new PipelineError('UNSUPPORTED_MEDIA', UNSUPPORTED);
  }
  if (data.length < 3) {
    return NONE;
  }
  return { kind: data[1] === 0 ? 'config' : 'frame', data: data.subarray(2) };
}

/** Makes RTMP's 32-bit milliseconds one running number: the value nearest to the one before. */
export class TimestampClock {
  #last: number | undefined;

  /** @param timestamp 0 to 2^32 − 1 */
  unwrap(timestamp: number): number {
    const last = this.#last;
    const value =
      last === undefined
        ? timestamp
        : timestamp + Math.round((last - timestamp) / 2 ** 32) * 2 ** 32;
    this.#last = value;
    return value;
  }
}
