/** AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1). What of it is taken is for each reader to say. */
import { BitReader } from '../bit-reader.ts';

/** Audio object types (table 1.17). */
export const AUDIO_OBJECT_TYPE = { main: 1, lc: 2, ssr: 3, ltp: 4, sbr: 5, ps: 29 } as const;

/** What an AudioSpecificConfig says. */
export interface AudioSpecificConfig {
  /** The first object type there is: with SBR or PS announced outright that, else the core's. */
  readonly objectType: number;
  /** Sample rate of the core, Hz; undefined for a reserved index. One that is spelt out may be anything. */
  readonly rate: number | undefined;
  /** channelConfiguration (table 1.19). */
  readonly channelConfiguration: number;
  /** frameLengthFlag of the plain types: frames of 960 samples. */
  readonly isShortFrame: boolean;
  /** SBR's output rate, Hz, where SBR is announced: outright, or after the core's configuration. */
  readonly extension: { readonly rate: number | undefined } | undefined;
}

/** samplingFrequencyIndex (table 1.18), Hz. */
export const AAC_RATES: readonly number[] = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
  7_350,
];
const RATE_SPELT_OUT = 15;
const OBJECT_TYPE_ESCAPE = 31;
/** syncExtensionType that announces SBR after the core's configuration. */
const SYNC_EXTENSION = 0x2b7;
/** syncExtensionType and the shortest object type after it, bits. */
const EXTENSION_BITS = 16;

/** GetAudioObjectType (table 1.16). */
function readObjectType(reader: BitReader): number {
  const type = reader.bits(5);
  return type === OBJECT_TYPE_ESCAPE ? 32 + reader.bits(6) : type;
}

function readRate(reader: BitReader): number | undefined {
  const index = reader.bits(4);
  return index === RATE_SPELT_OUT ? reader.bits(24) : AAC_RATES[index];
}

/** What follows a plain type's GASpecificConfig; cut short it announces nothing. */
function readExtension(reader: BitReader): AudioSpecificConfig['extension'] {
  if (
    reader.remaining < EXTENSION_BITS ||
    reader.bits(11) !== SYNC_EXTENSION ||
    readObjectType(reader) !== AUDIO_OBJECT_TYPE.sbr
  ) {
    return undefined;
  }
  return reader.remaining >= 5 && reader.flag() ? { rate: readRate(reader) } : undefined;
}

/**
 * Parses an AudioSpecificConfig.
 * @throws BAD_MEDIA if it is truncated
 */
export function parseAudioSpecificConfig(record: Uint8Array): AudioSpecificConfig {
  const reader = new BitReader(record);
  const objectType = readObjectType(reader);
  const rate = readRate(reader);
  const channelConfiguration = reader.bits(4);
  if (objectType === AUDIO_OBJECT_TYPE.sbr || objectType === AUDIO_OBJECT_TYPE.ps) {
    const extension = { rate: readRate(reader) };
    return { objectType, rate, channelConfiguration, isShortFrame: false, extension };
  }
  // GASpecificConfig of the plain types: frameLengthFlag, dependsOnCoreCoder, extensionFlag.
  const isShortFrame = reader.flag();
  reader.bits(2);
  return {
    objectType,
    rate,
    channelConfiguration,
    isShortFrame,
    extension: readExtension(reader),
  };
}
