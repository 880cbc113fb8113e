/**
 * Whether a picture is two fields taken one after the other, or one frame. The rule is ffmpeg's, whose decoder marks its
 * frames by it: picture timing (Rec. ITU-T H.264 §D.2.3) says so if it comes, else how the picture is coded.
 */
import type { PictureTiming } from './sei.ts';
import type { SlicePicture } from './slice.ts';
import type { SequenceParameters } from './sps.ts';

/** pic_struct (table D-1). */
const STRUCTURE = { topField: 1, bottomField: 2, topBottom: 3, bottomTop: 4 } as const;

/**
 * Decides for one picture.
 * - Fields by pic_struct, or two fields by pic_struct and coded as such (as field pictures, or with field macroblocks).
 * - Two fields by pic_struct, but coded as a plain frame: as the picture before it in decode order (film in fields has
 *   such pictures between those of three fields, PAFF between field pictures where nothing moves).
 * - A clock timestamp's ct_type overrides both.
 * - Without picture timing: coded as fields or with field macroblocks allowed. A frame of a set that merely allows
 *   fields is progressive.
 * @param before what was decided of the picture before in decode order; true for the first
 */
export function isOfFields(
  sps: Pick<SequenceParameters, 'hasFieldMacroblocks'>,
  structure: SlicePicture['structure'],
  timing: PictureTiming | undefined,
  before: boolean,
): boolean {
  const isCodedInFields = structure !== 'frame' || sps.hasFieldMacroblocks;
  if (timing === undefined) {
    return isCodedInFields;
  }
  switch (timing.structure) {
    case STRUCTURE.topField:
    case STRUCTURE.bottomField:
      return timing.isInterlaced ?? true;
    case STRUCTURE.topBottom:
    case STRUCTURE.bottomTop:
      return timing.isInterlaced ?? (isCodedInFields || before);
    case 0:
      return timing.isInterlaced ?? false;
    default:
      return false;
  }
}
