/** Sequence parameter sets: picture size, shape of pixels and timing (Rec. ITU-T H.264 §7.3.2.1.1, Annex E). */
import { PipelineError } from '#common/errors';
import { BitReader, rawPayload } from './bit-reader.ts';

/** What a sequence parameter set says. */
export interface SequenceParameters {
  readonly id: number;
  readonly profile: number;
  readonly level: number;
  /** Cropped picture size in luma samples. */
  readonly width: number;
  readonly height: number;
  /** Sample aspect ratio; 1:1 if unspecified. */
  readonly sar: { readonly x: number; readonly y: number };
  /** Frames a second by the VUI's timing, undefined without it. */
  readonly fps: number | undefined;
  /** Pictures may be coded as fields. */
  readonly isInterlaced: boolean;
}

/** Largest width or height taken, in luma samples. */
export const MAX_DIMENSION = 8192;
/** Smallest side, after cropping. */
const MIN_DIMENSION = 16;
/** Largest number of macroblocks in a picture: level 6.2 (H.264 table A-1). */
const MAX_MACROBLOCKS = 139_264;

/** Of the longer side to the shorter, beyond which a ladder has no sizes. */
const MAX_ASPECT = 8;

/**
 * The size to show a picture in, in square pixels: its lines, as wide as its pixels' shape makes them. A shape that no
 * ladder has sizes for does not count.
 */
export function shownSize({ width, height, sar }: SequenceParameters): {
  readonly width: number;
  readonly height: number;
} {
  const shown = Math.round((width * sar.x) / sar.y);
  const isFit =
    shown <= MAX_DIMENSION && shown <= MAX_ASPECT * height && height <= MAX_ASPECT * shown;
  return { width: isFit ? shown : width, height };
}

/** Profiles whose sets carry chroma format and scaling lists (H.264 §7.3.2.1.1) and that decoders know. */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44]);
/** Baseline and Main. Extended (88) may partition its data, which no decoder of ours takes. */
const SIMPLE_PROFILES = new Set([66, 77]);
/** Bits of a sample that decoders know (8 to 14 are allowed). */
const BIT_DEPTHS = new Set([8, 9, 10, 12, 14]);

const ADVICE = 'set the encoder to H.264 High profile, 8 bit, 4:2:0';
const bad = (what: string): PipelineError =>
  new PipelineError('BAD_MEDIA', `sequence parameter set: ${what}`);
const unsupported = (what: string): PipelineError =>
  new PipelineError('UNSUPPORTED_MEDIA', `${what}: ${ADVICE}`);

/** Table E-1: aspect_ratio_idc 1 to 16. */
const ASPECT_RATIOS: readonly (readonly [number, number])[] = [
  [1, 1], [12, 11], [10, 11], [16, 11], [40, 33], [24, 11], [20, 11], [32, 11],
  [80, 33], [18, 11], [15, 11], [64, 33], [160, 99], [4, 3], [3, 2], [2, 1],
]; // prettier-ignore

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

function readVui(reader: BitReader): Pick<SequenceParameters, 'sar' | 'fps'> {
  let sar = { x: 1, y: 1 };
  if (reader.flag()) {
    const idc = reader.bits(8);
    if (idc === 255) {
      const x = reader.bits(16);
      const y = reader.bits(16);
      sar = x > 0 && y > 0 ? { x, y } : sar;
    } else {
      const [x, y] = ASPECT_RATIOS[idc - 1] ?? [1, 1];
      sar = { x, y };
    }
  }
  if (reader.flag()) {
    reader.flag(); // overscan_appropriate_flag
  }
  if (reader.flag()) {
    reader.bits(4); // video_format, video_full_range_flag
    if (reader.flag()) {
      reader.bits(24); // colour description
    }
  }
  if (reader.flag()) {
    reader.unsigned();
    reader.unsigned();
  }
  if (!reader.flag()) {
    return { sar, fps: undefined };
  }
  const unitsInTick = reader.bits(32);
  const timeScale = reader.bits(32);
  // A tick is a field's time: two make a frame (E.2.1).
  return { sar, fps: unitsInTick > 0 ? timeScale / (2 * unitsInTick) : undefined };
}

/** chroma_format_idc to the scaling matrices; 4:2:0 in profiles without it. */
function readChroma(reader: BitReader, profile: number): number {
  if (!HIGH_PROFILES.has(profile)) {
    return 1;
  }
  const chromaFormat = reader.unsigned();
  if (chromaFormat > 3) {
    throw bad(`chroma_format_idc ${chromaFormat}`);
  }
  if (chromaFormat === 3 && reader.flag()) {
    throw unsupported('colour planes are coded separately');
  }
  const luma = 8 + reader.unsigned();
  const chroma = 8 + reader.unsigned();
  if (!BIT_DEPTHS.has(luma) || luma !== chroma) {
    throw unsupported(`a picture of ${luma} and ${chroma} bit`);
  }
  reader.flag(); // qpprime_y_zero_transform_bypass_flag
  if (reader.flag()) {
    const lists = chromaFormat === 3 ? 12 : 8;
    for (let i = 0; i < lists; i += 1) {
      if (reader.flag()) {
        skipScalingList(reader, i < 6 ? 16 : 64);
      }
    }
  }
  return chromaFormat;
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

/** @throws UNSUPPORTED_MEDIA unless every rung of a ladder can be made of such a picture */
function checkSize(width: number, height: number): void {
  if (
    width > MAX_DIMENSION ||
    height > MAX_DIMENSION ||
    (width / 16) * (height / 16) > MAX_MACROBLOCKS
  ) {
    const most = 'at most 8192x4320 is taken, set a smaller output size in the encoder';
    throw new PipelineError(
      'UNSUPPORTED_MEDIA',
      `a picture of ${width}x${height} is too large: ${most}`,
    );
  }
}

/**
 * Parses a sequence parameter set.
 * @param nal the NAL unit with its header byte
 * @throws BAD_MEDIA if it is truncated or contradicts itself, UNSUPPORTED_MEDIA if no decoder or ladder takes such a picture
 */
export function parseSps(nal: Uint8Array): SequenceParameters {
  const reader = new BitReader(rawPayload(nal, 1024));
  reader.bits(8); // NAL header
  const profile = reader.bits(8);
  reader.bits(8); // constraint flags
  const level = reader.bits(8);
  const id = reader.unsigned();
  if (id > 31) {
    throw bad(`id ${id}`);
  }
  if (!HIGH_PROFILES.has(profile) && !SIMPLE_PROFILES.has(profile)) {
    throw unsupported(`H.264 profile ${profile}`);
  }
  const chromaFormat = readChroma(reader, profile);
  const frameNumberBits = reader.unsigned() + 4;
  skipOrderCount(reader);
  const references = reader.unsigned();
  if (frameNumberBits > 16 || references > 16) {
    throw bad(`${references} reference frames counted in ${frameNumberBits} bits`);
  }
  reader.flag(); // gaps_in_frame_num_value_allowed_flag
  const widthInBlocks = reader.unsigned() + 1;
  const heightInUnits = reader.unsigned() + 1;
  const fieldFactor = reader.flag() ? 1 : 2;
  if (fieldFactor === 2) {
    reader.flag(); // mb_adaptive_frame_field_flag
  }
  reader.flag(); // direct_8x8_inference_flag
  let width = widthInBlocks * 16;
  let height = heightInUnits * 16 * fieldFactor;
  checkSize(width, height);
  if (reader.flag()) {
    const unitX = chromaFormat === 1 || chromaFormat === 2 ? 2 : 1;
    const unitY = (chromaFormat === 1 ? 2 : 1) * fieldFactor;
    width -= (reader.unsigned() + reader.unsigned()) * unitX;
    height -= (reader.unsigned() + reader.unsigned()) * unitY;
  }
  if (width <= 0 || height <= 0) {
    throw bad('cropping leaves nothing of the picture');
  }
  const [shorter, longer] = width < height ? [width, height] : [height, width];
  if (shorter < MIN_DIMENSION || longer > MAX_ASPECT * shorter) {
    const least = `both sides need ${MIN_DIMENSION} or more, the longer at most ${MAX_ASPECT} times the shorter`;
    throw new PipelineError(
      'UNSUPPORTED_MEDIA',
      `a picture of ${width}x${height} is too small or too long: ${least}`,
    );
  }
  const vui = reader.flag() ? readVui(reader) : { sar: { x: 1, y: 1 }, fps: undefined };
  return { id, profile, level, width, height, isInterlaced: fieldFactor === 2, ...vui };
}
