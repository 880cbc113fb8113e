/** Sequence parameter sets (Rec. ITU-T H.264 §7.3.2.1.1, Annex E). What of them is taken is for each reader to say. */
import { PipelineError } from '../../errors.ts';
import { BitReader, rawPayload } from '../bit-reader.ts';

/** What a sequence parameter set says. */
export interface SequenceParameters {
  readonly id: number;
  /** profile_idc. */
  readonly profile: number;
  /** level_idc. */
  readonly level: number;
  /** chroma_format_idc: 0 is black and white, 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4. */
  readonly chromaFormat: number;
  readonly hasSeparatePlanes: boolean;
  /** Bits of a sample. */
  readonly lumaBits: number;
  readonly chromaBits: number;
  /** Picture size in luma samples, before cropping: whole macroblocks. */
  readonly codedWidth: number;
  readonly codedHeight: number;
  /** Cropped picture size in luma samples. */
  readonly width: number;
  readonly height: number;
  /** Pictures may be coded as fields: frame_mbs_only_flag is 0. */
  readonly isInterlaced: boolean;
  /** mb_adaptive_frame_field_flag: macroblocks of a frame may be coded as fields. */
  readonly hasFieldMacroblocks: boolean;
  /** Bits of frame_num in slices. */
  readonly frameNumberBits: number;
  /** Sample aspect ratio; 1:1 if unspecified. */
  readonly sar: { readonly x: number; readonly y: number };
  readonly isFullRange: boolean;
  /** matrix_coefficients (table E-5); 1 is BT.709, 2 is unspecified. */
  readonly matrix: number;
  /** Frames a second by the VUI's timing, undefined without it. */
  readonly fps: number | undefined;
  /** How picture timing messages (§D.1.3) are laid out. */
  readonly pictureTiming: PictureTimingLayout;
}

/** What picture timing messages have. */
export interface PictureTimingLayout {
  /** pic_struct_present_flag. */
  readonly hasStructure: boolean;
  /** Bits of cpb_removal_delay and dpb_output_delay together; 0 where there are none. */
  readonly delayBits: number;
  /** Bits of time_offset. */
  readonly timeOffsetBits: number;
}

type Usability = Pick<
  SequenceParameters,
  'sar' | 'isFullRange' | 'matrix' | 'fps' | 'pictureTiming'
>;

const UNSPECIFIED_MATRIX = 2;
const NO_USABILITY: Usability = {
  sar: { x: 1, y: 1 },
  isFullRange: false,
  matrix: UNSPECIFIED_MATRIX,
  fps: undefined,
  pictureTiming: { hasStructure: false, delayBits: 0, timeOffsetBits: 24 },
};

/** Bytes of a set that are looked at. */
const MAX_BYTES = 1024;
/** Profiles whose sets carry chroma format and scaling lists and that decoders know. */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44]);
/** Baseline and Main. Extended (88) may partition its data, which no decoder of ours takes. */
const SIMPLE_PROFILES = new Set([66, 77]);
/** max_num_ref_frames (§A.3.1), and log2_max_frame_num (§7.4.2.1.1). */
const MAX_REFERENCES = 16;
const MAX_FRAME_NUMBER_BITS = 16;

const bad = (what: string): PipelineError =>
  new PipelineError('BAD_MEDIA', `sequence parameter set: ${what}`);

/** Table E-1: aspect_ratio_idc 1 to 16. */
const ASPECT_RATIOS: readonly (readonly [number, number])[] = [
  [1, 1], [12, 11], [10, 11], [16, 11], [40, 33], [24, 11], [20, 11], [32, 11],
  [80, 33], [18, 11], [15, 11], [64, 33], [160, 99], [4, 3], [3, 2], [2, 1],
]; // prettier-ignore

/** profile_idc of a set. */
export const profileOf = (nal: Uint8Array): number => nal[1] ?? 0;

/** Whether sets of a profile can be read: those of others are laid out in other ways. */
export const isKnownProfile = (profile: number): boolean =>
  HIGH_PROFILES.has(profile) || SIMPLE_PROFILES.has(profile);

/** scaling_list (§7.3.2.1.1.1), read over. */
function skipScalingList(reader: BitReader, size: number): void {
  let last = 8;
  let next = 8;
  for (let i = 0; i < size; i += 1) {
    if (next !== 0) {
      next = (last + reader.signed() + 256) % 256;
    }
    last = next === 0 ? last : next;
  }
}

type Chroma = Pick<
  SequenceParameters,
  'chromaFormat' | 'hasSeparatePlanes' | 'lumaBits' | 'chromaBits'
>;

/** chroma_format_idc to the scaling matrices; 8 bit 4:2:0 in profiles without it. */
function readChroma(reader: BitReader, profile: number): Chroma {
  if (!HIGH_PROFILES.has(profile)) {
    return { chromaFormat: 1, hasSeparatePlanes: false, lumaBits: 8, chromaBits: 8 };
  }
  const chromaFormat = reader.unsigned();
  if (chromaFormat > 3) {
    throw bad(`chroma_format_idc ${chromaFormat}`);
  }
  const hasSeparatePlanes = chromaFormat === 3 && reader.flag();
  const lumaBits = 8 + reader.unsigned();
  const chromaBits = 8 + reader.unsigned();
  reader.flag(); // qpprime_y_zero_transform_bypass_flag
  if (reader.flag()) {
    const lists = chromaFormat === 3 ? 12 : 8;
    for (let i = 0; i < lists; i += 1) {
      if (reader.flag()) {
        skipScalingList(reader, i < 6 ? 16 : 64);
      }
    }
  }
  return { chromaFormat, hasSeparatePlanes, lumaBits, chromaBits };
}

function skipOrderCount(reader: BitReader): void {
  const orderType = reader.unsigned();
  if (orderType === 0) {
    reader.unsigned();
  } else if (orderType === 1) {
    reader.flag();
    reader.signed();
    reader.signed();
    const cycle = reader.unsigned();
    if (cycle > 255) {
      throw bad(`num_ref_frames_in_pic_order_cnt_cycle ${cycle}`);
    }
    for (let i = 0; i < cycle; i += 1) {
      reader.signed();
    }
  } else if (orderType !== 2) {
    throw bad(`pic_order_cnt_type ${orderType}`);
  }
}

function readAspectRatio(reader: BitReader): SequenceParameters['sar'] {
  const idc = reader.bits(8);
  const [x, y] =
    idc === 255 ? [reader.bits(16), reader.bits(16)] : (ASPECT_RATIOS[idc - 1] ?? [1, 1]);
  return x > 0 && y > 0 ? { x, y } : NO_USABILITY.sar;
}

/** hrd_parameters (§E.1.2). */
function readHrd(reader: BitReader): Omit<PictureTimingLayout, 'hasStructure'> {
  const count = reader.unsigned() + 1;
  if (count > 32) {
    throw bad(`cpb_cnt ${count}`);
  }
  reader.bits(8); // bit_rate_scale, cpb_size_scale
  for (let i = 0; i < count; i += 1) {
    reader.unsigned();
    reader.unsigned();
    reader.flag();
  }
  reader.bits(5); // initial_cpb_removal_delay_length_minus1
  const delayBits = reader.bits(5) + 1 + reader.bits(5) + 1;
  return { delayBits, timeOffsetBits: reader.bits(5) };
}

/** What follows the timing in vui_parameters. Encoders end it early; then it says nothing. */
function readPictureTimingLayout(reader: BitReader): PictureTimingLayout {
  try {
    const nal = reader.flag() ? readHrd(reader) : undefined;
    const vcl = reader.flag() ? readHrd(reader) : undefined;
    if (nal !== undefined || vcl !== undefined) {
      reader.flag(); // low_delay_hrd_flag
    }
    const hasStructure = reader.flag();
    return { ...NO_USABILITY.pictureTiming, ...(nal ?? vcl), hasStructure };
  } catch {
    return NO_USABILITY.pictureTiming;
  }
}

/** vui_parameters (§E.1.1) up to pic_struct_present_flag. */
function readVui(reader: BitReader): Usability {
  const sar = reader.flag() ? readAspectRatio(reader) : NO_USABILITY.sar;
  if (reader.flag()) {
    reader.flag(); // overscan_appropriate_flag
  }
  let { isFullRange, matrix } = NO_USABILITY;
  if (reader.flag()) {
    reader.bits(3); // video_format
    isFullRange = reader.flag();
    if (reader.flag()) {
      reader.bits(16); // colour_primaries, transfer_characteristics
      matrix = reader.bits(8);
    }
  }
  if (reader.flag()) {
    reader.unsigned(); // chroma_sample_loc_type of both fields
    reader.unsigned();
  }
  let fps: number | undefined;
  if (reader.flag()) {
    const unitsInTick = reader.bits(32);
    const timeScale = reader.bits(32);
    reader.flag(); // fixed_frame_rate_flag
    // A tick is a field's time: two make a frame (E.2.1).
    fps = unitsInTick > 0 ? timeScale / (2 * unitsInTick) : undefined;
  }
  return { sar, isFullRange, matrix, fps, pictureTiming: readPictureTimingLayout(reader) };
}

/**
 * Parses a sequence parameter set.
 * @param nal the NAL unit with its header byte
 * @throws BAD_MEDIA if it is truncated, contradicts itself or the standard, or is of a profile that is not known
 */
export function parseSps(nal: Uint8Array): SequenceParameters {
  const reader = new BitReader(rawPayload(nal, MAX_BYTES));
  reader.bits(8); // NAL header
  const profile = reader.bits(8);
  reader.bits(8); // constraint flags
  const level = reader.bits(8);
  const id = reader.unsigned();
  if (id > 31) {
    throw bad(`id ${id}`);
  }
  if (!isKnownProfile(profile)) {
    throw bad(`H.264 profile ${profile}`);
  }
  const chroma = readChroma(reader, profile);
  const frameNumberBits = reader.unsigned() + 4;
  skipOrderCount(reader);
  const references = reader.unsigned();
  if (frameNumberBits > MAX_FRAME_NUMBER_BITS || references > MAX_REFERENCES) {
    throw bad(`${references} reference frames counted in ${frameNumberBits} bits`);
  }
  reader.flag(); // gaps_in_frame_num_value_allowed_flag
  const widthInBlocks = reader.unsigned() + 1;
  const heightInUnits = reader.unsigned() + 1;
  const isInterlaced = !reader.flag();
  const fieldFactor = isInterlaced ? 2 : 1;
  const hasFieldMacroblocks = isInterlaced && reader.flag();
  reader.flag(); // direct_8x8_inference_flag
  const codedWidth = widthInBlocks * 16;
  const codedHeight = heightInUnits * 16 * fieldFactor;
  let width = codedWidth;
  let height = codedHeight;
  if (reader.flag()) {
    const { chromaFormat } = chroma;
    const unitX = chromaFormat === 1 || chromaFormat === 2 ? 2 : 1;
    const unitY = (chromaFormat === 1 ? 2 : 1) * fieldFactor;
    width -= (reader.unsigned() + reader.unsigned()) * unitX;
    height -= (reader.unsigned() + reader.unsigned()) * unitY;
  }
  if (width <= 0 || height <= 0) {
    throw bad('cropping leaves nothing of the picture');
  }
  const usability = reader.flag() ? readVui(reader) : NO_USABILITY;
  return {
    id,
    profile,
    level,
    ...chroma,
    codedWidth,
    codedHeight,
    width,
    height,
    isInterlaced,
    hasFieldMacroblocks,
    frameNumberBits,
    ...usability,
  };
}
