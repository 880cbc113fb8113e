/** AudioSpecificConfig, ISO/IEC 14496-3 §1.6.2.1: as far as it decides what the decoder gives. */
import { PipelineError } from '#common/errors';

/** What a decoder makes of a stream with this configuration. */
export interface DecodedSound {
  /** Sample rate of the decoder's output; with SBR twice that of the core. */
  readonly rate: number;
  /** Decoded samples for each core sample: 2 with SBR. */
  readonly factor: 1 | 2;
  /** One channel, which parametric stereo has not made two. */
  readonly isMono: boolean;
}

/** Table 1.18: sampling frequency index. */
const RATES = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
  7_350,
] as const;
const LOWEST_RATE = 7_350;
const HIGHEST_RATE = 96_000;
/** Audio object types (table 1.17). */
const SBR = 5;
const PS = 29;
/** syncExtensionType that announces SBR after the core's configuration. */
const SYNC_EXTENSION = 0x2b7;

/**
 * Reads what the decoder will put out. SBR that is in the stream but not announced here is not seen.
 * @throws PipelineError `BAD_MEDIA` when the configuration is truncated or names no rate that sound has
 */
export function decodedSound(config: Uint8Array): DecodedSound {
  let at = 0;
  const left = (): number => config.byteLength * 8 - at;
  const bits = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i += 1, at += 1) {
      const byte = config[at >> 3];
      if (byte === undefined) {
        throw new PipelineError('BAD_MEDIA', `AudioSpecificConfig ends at bit ${at}`);
      }
      value = value * 2 + ((byte >> (7 - (at & 7))) & 1);
    }
    return value;
  };
  const objectType = (): number => {
    const type = bits(5);
    return type === 31 ? 32 + bits(6) : type;
  };
  const frequency = (): number => {
    const index = bits(4);
    const rate = index === 15 ? bits(24) : RATES[index];
    if (rate === undefined) {
      throw new PipelineError('BAD_MEDIA', `AudioSpecificConfig: frequency index ${index}`);
    }
    if (rate < LOWEST_RATE || rate > HIGHEST_RATE) {
      throw new PipelineError('BAD_MEDIA', `AudioSpecificConfig: ${rate} Hz`);
    }
    return rate;
  };

  const type = objectType();
  const core = frequency();
  const isMono = bits(4) === 1 && type !== PS;
  const withSbr = (rate: number): DecodedSound =>
    rate === 2 * core ? { rate, factor: 2, isMono } : { rate: core, factor: 1, isMono };
  if (type === SBR || type === PS) {
    return withSbr(frequency());
  }
  // GASpecificConfig of the plain types: frameLengthFlag, dependsOnCoreCoder, extensionFlag.
  if (left() >= 3 + 16) {
    bits(3);
    if (bits(11) === SYNC_EXTENSION && objectType() === SBR && left() >= 5 && bits(1) === 1) {
      return withSbr(frequency());
    }
  }
  return { rate: core, factor: 1, isMono };
}
