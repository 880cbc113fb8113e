/** FLV tags as RTMP carries them: VIDEODATA and AUDIODATA (Adobe FLV 10.1, §E.4.2 and §E.4.3). */
import { PipelineError } from '#common/errors';

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
const CHOOSE_VIDEO = 'choose H.264 as video encoder';
const CHOOSE_SOUND = 'choose AAC as audio encoder';
const NONE = { kind: 'none' } as const;

/** CodecID (E.4.3.1; 12 and 13 are what some vendors put there) and SoundFormat (E.4.2.1), for the refusal. */
const VIDEO_CODECS: Readonly<Record<number, string>> = {
  2: 'Sorenson H.263', 3: 'Screen video', 4: 'VP6', 5: 'VP6 with alpha', 6: 'Screen video 2', 12: 'HEVC', 13: 'AV1',
}; // prettier-ignore
const SOUND_FORMATS: Readonly<Record<number, string>> = {
  0: 'PCM', 1: 'ADPCM', 2: 'MP3', 3: 'PCM', 4: 'Nellymoser', 5: 'Nellymoser', 6: 'Nellymoser', 7: 'G.711', 8: 'G.711',
  9: 'sound in Enhanced RTMP form', 11: 'Speex', 14: 'MP3',
}; // prettier-ignore

const unsupported = (found: string, choose: string): PipelineError =>
  new PipelineError('UNSUPPORTED_MEDIA', `only H.264 + AAC: the feed has ${found}; ${choose}`);

/** Enhanced RTMP names its codec by FourCC (bytes 1 to 4 of the tag). */
function fourCc(data: Uint8Array): string {
  const text = String.fromCharCode(...data.subarray(1, 5));
  return /^[\w -]{4}$/.test(text) ? `${text} in Enhanced RTMP form` : 'video in Enhanced RTMP form';
}

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
  if ((first & 0x80) !== 0) {
    throw unsupported(fourCc(data), CHOOSE_VIDEO);
  }
  const codec = first & 15;
  if (codec !== CODEC_AVC) {
    throw unsupported(VIDEO_CODECS[codec] ?? `video of codec id ${codec}`, CHOOSE_VIDEO);
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
  const format = first >> 4;
  if (format !== SOUND_FORMAT_AAC) {
    throw unsupported(SOUND_FORMATS[format] ?? `sound of format ${format}`, CHOOSE_SOUND);
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
