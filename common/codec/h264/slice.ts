/** Heads of coded slices (Rec. ITU-T H.264 §7.3.3). */
import { BitReader, rawPayload } from '../bit-reader.ts';
import type { SequenceParameters } from './sps.ts';

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

/** What a slice says of the picture that it is of. */
export interface SlicePicture {
  /** frame_num: both fields of a frame have the same. */
  readonly frameNumber: number;
  readonly structure: 'frame' | 'top field' | 'bottom field';
}

/**
 * Reads a slice's head up to bottom_field_flag; undefined if it ends before.
 * @param sps the sequence parameter set that it is of
 */
export function readSlicePicture(
  unit: Uint8Array,
  sps: SequenceParameters,
): SlicePicture | undefined {
  const reader = new BitReader(rawPayload(unit.subarray(1), 24));
  try {
    reader.unsigned(); // first_mb_in_slice
    reader.unsigned(); // slice_type
    reader.unsigned(); // pic_parameter_set_id
    if (sps.hasSeparatePlanes) {
      reader.bits(2); // colour_plane_id
    }
    const frameNumber = reader.bits(sps.frameNumberBits);
    if (!sps.isInterlaced || !reader.flag()) {
      return { frameNumber, structure: 'frame' };
    }
    return { frameNumber, structure: reader.flag() ? 'bottom field' : 'top field' };
  } catch {
    return undefined;
  }
}
