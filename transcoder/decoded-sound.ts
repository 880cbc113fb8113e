/** What a decoder makes of coded sound, by its AudioSpecificConfig. */
import {
  AUDIO_OBJECT_TYPE,
  parseAudioSpecificConfig,
} from '#common/codec/aac/audio-specific-config';
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

/** Bounds of the rates that sound has, Hz (ISO/IEC 14496-3 table 1.18). */
const LOWEST_RATE = 7_350;
const HIGHEST_RATE = 96_000;

function checkedRate(rate: number | undefined): number {
  if (rate === undefined || rate < LOWEST_RATE || rate > HIGHEST_RATE) {
    throw new PipelineError(
      'BAD_MEDIA',
      `AudioSpecificConfig: ${rate ?? 'an unknown number of'} Hz`,
    );
  }
  return rate;
}

/**
 * Reads what the decoder will put out. SBR that is in the stream but not announced here is not seen.
 * @throws PipelineError `BAD_MEDIA` when the configuration is truncated or names no rate that sound has
 */
export function decodedSound(config: Uint8Array): DecodedSound {
  const parsed = parseAudioSpecificConfig(config);
  const core = checkedRate(parsed.rate);
  const isMono = parsed.channelConfiguration === 1 && parsed.objectType !== AUDIO_OBJECT_TYPE.ps;
  const extended = parsed.extension && checkedRate(parsed.extension.rate);
  return extended === 2 * core
    ? { rate: extended, factor: 2, isMono }
    : { rate: core, factor: 1, isMono };
}
