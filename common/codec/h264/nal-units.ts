/** NAL units of H.264 in AVCC samples (ISO/IEC 14496-15 §5.3.4; Rec. ITU-T H.264 §7.3.1). */
import { PipelineError } from '../../errors.ts';

/** nal_unit_type (H.264 table 7-1). */
export const NAL = { slice: 1, idr: 5, sei: 6, sps: 7, pps: 8, delimiter: 9 } as const;

/** nal_unit_type of a NAL unit. */
export const nalType = (unit: Uint8Array): number => (unit[0] ?? 0) & 31;

/** Whether a decoder passes the unit over whatever is in it: forbidden_zero_bit is set (H.264 §7.4.1). */
export const isForbidden = (unit: Uint8Array): boolean => (unit[0] ?? 0) >= 0x80;

/**
 * The NAL units of a sample, as views; empty ones are left out.
 * @param lengthSize bytes of each unit's length: 1, 2 or 4
 * @throws BAD_MEDIA with the offset if a length points outside
 */
export function* nalUnits(sample: Uint8Array, lengthSize = 4): Generator<Uint8Array> {
  let at = 0;
  while (at < sample.length) {
    if (at + lengthSize > sample.length) {
      throw new PipelineError('BAD_MEDIA', `NAL length cut short at ${at}`);
    }
    let size = 0;
    for (let i = 0; i < lengthSize; i += 1) {
      size = size * 256 + (sample[at + i] ?? 0);
    }
    at += lengthSize;
    if (at + size > sample.length) {
      throw new PipelineError(
        'BAD_MEDIA',
        `NAL unit of ${size} bytes at ${at} of ${sample.length}`,
      );
    }
    if (size > 0) {
      yield sample.subarray(at, at + size);
    }
    at += size;
  }
}

/** Writes NAL units as one sample with 4-byte lengths: a copy of their bytes. */
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

/** Whether a unit is a coded slice, of an IDR picture or another, or a partition of one. */
export const isSlice = (unit: Uint8Array): boolean =>
  nalType(unit) >= NAL.slice && nalType(unit) <= NAL.idr;

/** Whether no later picture refers to this one: nal_ref_idc of every slice is 0 (H.264 §7.4.1). */
export function isDisposable(sample: Uint8Array): boolean {
  let slices = 0;
  for (const unit of nalUnits(sample)) {
    if (isSlice(unit)) {
      if (((unit[0] ?? 0) & 0x60) !== 0) {
        return false;
      }
      slices += 1;
    }
  }
  return slices > 0;
}
