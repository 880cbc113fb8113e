/** AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1), read. `mp4/write.ts` writes it. */
import { PipelineError } from '../../errors.ts';

/** An AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1). */
export interface AvcConfiguration {
  /** Bytes of each NAL unit's length in samples: 1, 2 or 4. */
  readonly lengthSize: number;
  readonly sps: readonly Uint8Array[];
  readonly pps: readonly Uint8Array[];
}

/**
 * Parses an AVCDecoderConfigurationRecord. The parameter sets are views into it.
 * @throws BAD_MEDIA with the offset if it is truncated
 */
export function parseAvcConfiguration(record: Uint8Array): AvcConfiguration {
  const byteAt = (offset: number): number => {
    const byte = record[offset];
    if (byte === undefined) {
      throw new PipelineError('BAD_MEDIA', `AVC configuration ends at ${offset}`);
    }
    return byte;
  };
  if (byteAt(0) !== 1) {
    throw new PipelineError('BAD_MEDIA', `AVC configuration version ${byteAt(0)}`);
  }
  const lengthSize = (byteAt(4) & 3) + 1;
  if (lengthSize === 3) {
    throw new PipelineError('BAD_MEDIA', 'NAL length size 3');
  }
  let at = 5;
  const sets = (count: number): Uint8Array[] => {
    const found: Uint8Array[] = [];
    for (let i = 0; i < count; i += 1) {
      const size = byteAt(at) * 256 + byteAt(at + 1);
      at += 2;
      if (size === 0 || at + size > record.length) {
        throw new PipelineError('BAD_MEDIA', `parameter set of ${size} bytes at ${at}`);
      }
      found.push(record.subarray(at, at + size));
      at += size;
    }
    return found;
  };
  const spsCount = byteAt(at) & 31;
  at += 1;
  const sps = sets(spsCount);
  const ppsCount = byteAt(at);
  at += 1;
  const pps = sets(ppsCount);
  return { lengthSize, sps, pps };
}
