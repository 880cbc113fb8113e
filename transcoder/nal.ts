/** NAL units of AVCC samples with 4-byte lengths (ISO/IEC 14496-15 §5.3.4), as far as a worker looks into them. */
import { PipelineError } from '#common/errors';

/** nal_unit_type (Rec. ITU-T H.264 table 7-1). */
export const NAL = { slice: 1, idr: 5, sps: 7, pps: 8 } as const;

/** nal_unit_type of a NAL unit. */
export const nalType = (unit: Uint8Array): number => (unit[0] ?? 0) & 31;

/**
 * The NAL units of a sample, as views; empty ones are left out.
 * @throws PipelineError `BAD_MEDIA` with the offset if a length points outside
 */
export function* nalUnits(sample: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(sample.buffer, sample.byteOffset, sample.byteLength);
  let at = 0;
  while (at < sample.byteLength) {
    const size = at + 4 <= sample.byteLength ? view.getUint32(at) : Infinity;
    if (at + 4 + size > sample.byteLength) {
      throw new PipelineError(
        'BAD_MEDIA',
        `NAL unit at ${at} of ${sample.byteLength} does not fit`,
      );
    }
    if (size > 0) {
      yield sample.subarray(at + 4, at + 4 + size);
    }
    at += 4 + size;
  }
}

/** Whether no later picture refers to this one: nal_ref_idc of every slice is 0 (H.264 §7.4.1). */
export function isDisposable(sample: Uint8Array): boolean {
  let slices = 0;
  for (const unit of nalUnits(sample)) {
    const type = nalType(unit);
    if (type >= NAL.slice && type <= NAL.idr) {
      if (((unit[0] ?? 0) & 0x60) !== 0) {
        return false;
      }
      slices += 1;
    }
  }
  return slices > 0;
}

/** The parameter sets in a sample, the first of each kind. */
export function parameterSets(sample: Uint8Array): {
  readonly sps: Uint8Array | undefined;
  readonly pps: Uint8Array | undefined;
} {
  let sps: Uint8Array | undefined;
  let pps: Uint8Array | undefined;
  for (const unit of nalUnits(sample)) {
    const type = nalType(unit);
    if (type === NAL.sps) {
      sps ??= unit;
    } else if (type === NAL.pps) {
      pps ??= unit;
    } else if (type === NAL.slice || type === NAL.idr) {
      break;
    }
  }
  return { sps, pps };
}
