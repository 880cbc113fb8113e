/** What the filter graph must know of a source's pictures, from its SPS (Rec. ITU-T H.264 §7.3.2.1.1, Annex E). */
import { PipelineError } from '#common/errors';

/** Size, shape of pixels and colour of a source's pictures. */
export interface SourcePicture {
  readonly width: number;
  readonly height: number;
  /** Sample aspect ratio; 1:1 if unspecified. */
  readonly sar: { readonly x: number; readonly y: number };
  /** 8 bit 4:2:0. */
  readonly isPlain: boolean;
  readonly isFullRange: boolean;
  /** matrix_coefficients (table E-5); 1 is BT.709, 2 is unspecified. */
  readonly matrix: number;
}

/** Reads bits of a NAL unit without its emulation prevention bytes (§7.4.1), Exp-Golomb codes included (§9.1). */
class Bits {
  readonly #data: number[] = [];
  #at = 0;

  constructor(nal: Uint8Array) {
    let zeros = 0;
    for (const byte of nal.subarray(0, 1024)) {
      if (zeros >= 2 && byte === 3) {
        zeros = 0;
      } else {
        zeros = byte === 0 ? zeros + 1 : 0;
        this.#data.push(byte);
      }
    }
  }

  u(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1, this.#at += 1) {
      const byte = this.#data[this.#at >> 3];
      if (byte === undefined) {
        throw new PipelineError('BAD_MEDIA', `SPS ends at bit ${this.#at}`);
      }
      value = value * 2 + ((byte >> (7 - (this.#at & 7))) & 1);
    }
    return value;
  }

  ue(): number {
    let zeros = 0;
    while (this.u(1) === 0) {
      zeros += 1;
      if (zeros > 31) {
        throw new PipelineError('BAD_MEDIA', `Exp-Golomb code too long at bit ${this.#at}`);
      }
    }
    return 2 ** zeros - 1 + this.u(zeros);
  }

  se(): number {
    const code = this.ue();
    return code % 2 === 0 ? -code / 2 : (code + 1) / 2;
  }
}

/** Profiles whose sets carry chroma format and scaling lists (§7.3.2.1.1), and those whose sets do not. */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44]);
const SIMPLE_PROFILES = new Set([66, 77]);
/** Largest side, and macroblocks in a picture: level 6.2 (table A-1). Ingest takes no more. */
const MAX_DIMENSION = 8192;
const MAX_MACROBLOCKS = 139_264;

/** Table E-1: aspect_ratio_idc 1 to 16. */
const ASPECT_RATIOS: readonly (readonly [number, number])[] = [
  [1, 1], [12, 11], [10, 11], [16, 11], [40, 33], [24, 11], [20, 11], [32, 11],
  [80, 33], [18, 11], [15, 11], [64, 33], [160, 99], [4, 3], [3, 2], [2, 1],
]; // prettier-ignore

function skipScalingList(bits: Bits, size: number): void {
  let last = 8;
  let next = 8;
  for (let i = 0; i < size; i += 1) {
    if (next !== 0) {
      next = (last + bits.se() + 256) % 256;
    }
    last = next === 0 ? last : next;
  }
}

function readChroma(bits: Bits): { format: number; isPlain: boolean } {
  const format = bits.ue();
  if (format === 3) {
    bits.u(1);
  }
  const depths = bits.ue() + bits.ue();
  bits.u(1);
  if (bits.u(1) === 1) {
    for (let i = 0; i < (format === 3 ? 12 : 8); i += 1) {
      if (bits.u(1) === 1) {
        skipScalingList(bits, i < 6 ? 16 : 64);
      }
    }
  }
  return { format, isPlain: format === 1 && depths === 0 };
}

function skipOrderCount(bits: Bits): void {
  const type = bits.ue();
  if (type === 0) {
    bits.ue();
  } else if (type === 1) {
    bits.u(1);
    bits.se();
    bits.se();
    for (let count = Math.min(bits.ue(), 255); count > 0; count -= 1) {
      bits.se();
    }
  }
}

type Usability = Pick<SourcePicture, 'sar' | 'isFullRange' | 'matrix'>;

/** §E.1.1, up to the colour description. */
function readVui(bits: Bits): Usability {
  let sar = { x: 1, y: 1 };
  if (bits.u(1) === 1) {
    const idc = bits.u(8);
    const [x, y] = idc === 255 ? [bits.u(16), bits.u(16)] : (ASPECT_RATIOS[idc - 1] ?? [1, 1]);
    sar = x > 0 && y > 0 ? { x, y } : sar;
  }
  if (bits.u(1) === 1) {
    bits.u(1);
  }
  if (bits.u(1) === 0) {
    return { sar, isFullRange: false, matrix: 2 };
  }
  bits.u(3);
  const isFullRange = bits.u(1) === 1;
  if (bits.u(1) === 0) {
    return { sar, isFullRange, matrix: 2 };
  }
  bits.u(16);
  return { sar, isFullRange, matrix: bits.u(8) };
}

/**
 * Reads a sequence parameter set.
 * @param nal the NAL unit with its header byte
 * @throws PipelineError `BAD_MEDIA` if it is truncated or describes no picture that ingest would have taken
 */
export function readSourcePicture(nal: Uint8Array): SourcePicture {
  const bits = new Bits(nal);
  bits.u(8);
  const profile = bits.u(8);
  bits.u(16);
  bits.ue();
  // Read in another way than the decoder does, its sizes would be wrong.
  if (!HIGH_PROFILES.has(profile) && !SIMPLE_PROFILES.has(profile)) {
    throw new PipelineError('BAD_MEDIA', `H.264 profile ${profile}`);
  }
  const chroma = HIGH_PROFILES.has(profile) ? readChroma(bits) : { format: 1, isPlain: true };
  bits.ue();
  skipOrderCount(bits);
  bits.ue();
  bits.u(1);
  let width = 16 * (bits.ue() + 1);
  const mapUnits = bits.ue() + 1;
  const fieldFactor = bits.u(1) === 1 ? 1 : 2;
  if (fieldFactor === 2) {
    bits.u(1);
  }
  bits.u(1);
  let height = 16 * mapUnits * fieldFactor;
  if (Math.max(width, height) > MAX_DIMENSION || width * height > 256 * MAX_MACROBLOCKS) {
    throw new PipelineError('BAD_MEDIA', `a picture of ${width}x${height}`);
  }
  if (bits.u(1) === 1) {
    const unitX = chroma.format === 1 || chroma.format === 2 ? 2 : 1;
    const unitY = (chroma.format === 1 ? 2 : 1) * fieldFactor;
    width -= (bits.ue() + bits.ue()) * unitX;
    height -= (bits.ue() + bits.ue()) * unitY;
  }
  if (width <= 0 || height <= 0) {
    throw new PipelineError('BAD_MEDIA', 'cropping leaves nothing of the picture');
  }
  const usability: Usability =
    bits.u(1) === 1 ? readVui(bits) : { sar: { x: 1, y: 1 }, isFullRange: false, matrix: 2 };
  return { width, height, isPlain: chroma.isPlain, ...usability };
}
