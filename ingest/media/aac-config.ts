/** AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1). */
import { PipelineError } from '#common/errors';
import { BitReader } from './bit-reader.ts';

/** What an AudioSpecificConfig says. */
export interface AacConfig {
  readonly rate: number;
  readonly channels: number;
  /** The record itself, copied. */
  readonly bytes: Buffer;
}

/** samplingFrequencyIndex (table 1.18). */
const RATES = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
  7_350,
] as const;
/** Channels by channelConfiguration 1 to 7 (table 1.19). */
const CHANNELS = [1, 2, 3, 4, 5, 6, 8] as const;
const OBJECT_TYPE_LC = 2;
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
 * Parses an AudioSpecificConfig.
 * @throws BAD_MEDIA if it is truncated; UNSUPPORTED_MEDIA unless it is AAC-LC with 1024 samples a frame
 */
export function parseAacConfig(record: Uint8Array): AacConfig {
  if (record.length > 64) {
    throw new PipelineError('BAD_MEDIA', `AudioSpecificConfig of ${record.length} bytes`);
  }
  const reader = new BitReader(record);
  const escaped = reader.bits(5);
  const objectType = escaped === 31 ? 32 + reader.bits(6) : escaped;
  if (objectType !== OBJECT_TYPE_LC) {
    throw unsupported(OBJECT_TYPES[objectType] ?? `of audio object type ${objectType}`);
  }
  const rateIndex = reader.bits(4);
  const rate = rateIndex === 15 ? reader.bits(24) : RATES[rateIndex];
  const channels = CHANNELS[reader.bits(4) - 1];
  const isShortFrame = reader.flag();
  // A rate that is spelt out must be one of the table too: no encoder has others, and resamplers take them badly.
  if (rate === undefined || !RATES.some((known) => known === rate)) {
    throw unsupported(`at ${rate ?? 'an unknown number of'} Hz`);
  }
  if (channels === undefined) {
    throw unsupported('of a channel layout of its own');
  }
  if (isShortFrame) {
    throw unsupported('in frames of 960 samples');
  }
  return { rate, channels, bytes: Buffer.from(record) };
}
