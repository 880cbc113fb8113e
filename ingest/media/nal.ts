/** NAL units in AVCC form (ISO/IEC 14496-15 §5.3.4) and what their headers say (Rec. ITU-T H.264 §7.3, Annex D). */
import { PipelineError } from '#common/errors';
import { BitReader, rawPayload } from './bit-reader.ts';

/** nal_unit_type (H.264 table 7-1). */
export const NAL = { slice: 1, idr: 5, sei: 6, sps: 7, pps: 8, delimiter: 9 } as const;

/** Most NAL units taken in one sample: 4 slices a row of the largest picture are far fewer. */
const MAX_NAL_UNITS = 2048;

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

/**
 * Splits an AVCC sample into views of its NAL units. Left out are empty ones and those with forbidden_zero_bit, which
 * decoders pass over too (H.264 §7.4.1).
 * @throws BAD_MEDIA with the offset if a length points outside
 */
export function splitSample(data: Uint8Array, lengthSize: number): Uint8Array[] {
  const units: Uint8Array[] = [];
  let at = 0;
  while (at < data.length) {
    if (at + lengthSize > data.length) {
      throw new PipelineError('BAD_MEDIA', `NAL length cut short at ${at}`);
    }
    let size = 0;
    for (let i = 0; i < lengthSize; i += 1) {
      size = size * 256 + (data[at + i] ?? 0);
    }
    at += lengthSize;
    if (at + size > data.length) {
      throw new PipelineError('BAD_MEDIA', `NAL unit of ${size} bytes at ${at} of ${data.length}`);
    }
    if (size > 0 && (data[at] ?? 0) < 0x80) {
      units.push(data.subarray(at, at + size));
    }
    at += size;
    if (units.length > MAX_NAL_UNITS) {
      throw new PipelineError('BAD_MEDIA', `more than ${MAX_NAL_UNITS} NAL units in a sample`);
    }
  }
  return units;
}

/** Writes NAL units as one AVCC sample with 4-byte lengths. This is the one copy a frame's bytes get. */
export function joinSample(units: readonly Uint8Array[]): Buffer {
  let size = 0;
  for (const unit of units) {
    size += 4 + unit.length;
  }
  const out = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const unit of units) {
    out.writeUInt32BE(unit.length, at);
    out.set(unit, at + 4);
    at += 4 + unit.length;
  }
  return out;
}

/** nal_unit_type of a NAL unit. */
export const nalType = (unit: Uint8Array): number => (unit[0] ?? 0) & 31;

/** The head of a coded slice (types 1 and 5; H.264 §7.3.3). */
export interface SliceHead {
  /** An I or SI slice (table 7-6). */
  readonly isIntra: boolean;
  /** pic_parameter_set_id. */
  readonly ppsId: number;
}

/** Reads a slice's head; undefined if there is none. */
export function readSliceHead(unit: Uint8Array): SliceHead | undefined {
  const reader = new BitReader(rawPayload(unit.subarray(1), 16));
  try {
    reader.unsigned(); // first_mb_in_slice
    const type = reader.unsigned() % 5;
    return { isIntra: type === 2 || type === 4, ppsId: reader.unsigned() };
  } catch {
    return undefined;
  }
}

/** Whether a coded slice is an I or SI slice. */
export const isIntraSlice = (unit: Uint8Array): boolean => readSliceHead(unit)?.isIntra === true;

/** Whether an SEI unit has a recovery point message with recovery_frame_cnt 0 (H.264 §D.1.8). */
export function hasRecoveryPointZero(unit: Uint8Array): boolean {
  const payload = rawPayload(unit.subarray(1), 4096);
  let at = 0;
  // A message is type and size, each coded as a run of 0xFF and a last byte; 0x80 is the trailing bits.
  while (at + 2 < payload.length && payload[at] !== 0x80) {
    let type = 0;
    while (payload[at] === 0xff) {
      type += 255;
      at += 1;
    }
    type += payload[at] ?? 0;
    at += 1;
    let size = 0;
    while (payload[at] === 0xff) {
      size += 255;
      at += 1;
    }
    size += payload[at] ?? 0;
    at += 1;
    if (type === 6) {
      // recovery_frame_cnt 0 is the single bit 1.
      return ((payload[at] ?? 0) & 0x80) !== 0;
    }
    at += size;
  }
  return false;
}
