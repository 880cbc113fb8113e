/** AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1). */
import { PipelineError } from '../../common/errors.ts';
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

/**
 * Parses an AudioSpecificConfig.
 * @throws BAD_MEDIA if it is truncated; UNSUPPORTED_MEDIA unless it is AAC-LC with 1024 samples a frame
 */
export function parseAacConfig(record: Uint8Array): AacConfig {
  if (record.length > 64) {
    throw new PipelineError('BAD_MEDIA', `AudioSpecificConfig of ${record.length} bytes`);
  }
  const reader = new BitReader(record);
  const objectType = reader.bits(5);
  if (objectType !== OBJECT_TYPE_LC) {
    throw new PipelineError('UNSUPPORTED_MEDIA', 'only H.264 + AAC-LC');
  }
  const rateIndex = reader.bits(4);
  const rate = rateIndex === 15 ? reader.bits(24) : RATES[rateIndex];
  const channels = CHANNELS[reader.bits(4) - 1];
  const isShortFrame = reader.flag();
  if (rate === undefined || rate < 7_350 || rate > 96_000) {
    throw new PipelineError('UNSUPPORTED_MEDIA', `sound at ${rate ?? 'an unknown'} Hz`);
  }
  if (channels === undefined || isShortFrame) {
    throw new PipelineError('UNSUPPORTED_MEDIA', 'only AAC-LC in 1 to 8 channels, 1024 a frame');
  }
  return { rate, channels, bytes: Buffer.from(record) };
}
