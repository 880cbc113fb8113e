/** Which sound is taken, by its AudioSpecificConfig, and in which words other is refused. */
import {
  AAC_RATES,
  AUDIO_OBJECT_TYPE,
  parseAudioSpecificConfig,
} from '#common/codec/aac/audio-specific-config';
import { PipelineError } from '#common/errors';

/** What a feed's sound is. */
export interface AacConfig {
  readonly rate: number;
  readonly channels: number;
  /** The record itself, copied. */
  readonly bytes: Buffer;
}

/** Longest record looked at. */
const MAX_BYTES = 64;
/** Channels by channelConfiguration 1 to 7 (ISO/IEC 14496-3 table 1.19). */
const CHANNELS = [1, 2, 3, 4, 5, 6, 8] as const;
/** Table 1.17, for the refusal. */
const OBJECT_TYPES: Readonly<Record<number, string>> = {
  1: 'AAC Main', 3: 'AAC SSR', 4: 'AAC LTP', 5: 'HE-AAC', 23: 'AAC-LD', 29: 'HE-AACv2', 39: 'AAC-ELD', 42: 'xHE-AAC',
}; // prettier-ignore

const unsupported = (found: string): PipelineError =>
  new PipelineError(
    'UNSUPPORTED_MEDIA',
    `only H.264 + AAC: the feed's sound is ${found}; set the encoder to AAC-LC, 48000 Hz, stereo`,
  );

/**
 * Parses a feed's AudioSpecificConfig.
 * @throws BAD_MEDIA if it is truncated; UNSUPPORTED_MEDIA unless it is AAC-LC with 1024 samples a frame
 */
export function acceptAacConfig(record: Uint8Array): AacConfig {
  if (record.length > MAX_BYTES) {
    throw new PipelineError('BAD_MEDIA', `AudioSpecificConfig of ${record.length} bytes`);
  }
  const { objectType, rate, channelConfiguration, isShortFrame } = parseAudioSpecificConfig(record);
  if (objectType !== AUDIO_OBJECT_TYPE.lc) {
    throw unsupported(OBJECT_TYPES[objectType] ?? `of audio object type ${objectType}`);
  }
  // A rate that is spelt out must be one of the table too: no encoder has others, and resamplers take them badly.
  if (rate === undefined || !AAC_RATES.includes(rate)) {
    throw unsupported(`at ${rate ?? 'an unknown number of'} Hz`);
  }
  const channels = CHANNELS[channelConfiguration - 1];
  if (channels === undefined) {
    throw unsupported('of a channel layout of its own');
  }
  if (isShortFrame) {
    throw unsupported('in frames of 960 samples');
  }
  return { rate, channels, bytes: Buffer.from(record) };
}
