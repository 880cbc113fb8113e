/** Bits one after another, as H.264's headers are written (Rec. ITU-T H.264 §7.2, §9.1). */

/** Collects bits; all methods return the same writer. */
export class BitWriter {
  #bits = '';

  /** The bits so far, as digits. */
  get text(): string {
    return this.#bits;
  }

  /** `u(n)`. */
  u(count: number, value: number): this {
    this.#bits += value.toString(2).padStart(count, '0').slice(-count);
    return this;
  }

  /** `ue(v)` of each value. */
  ue(...values: readonly number[]): this {
    for (const value of values) {
      const code = (value + 1).toString(2);
      this.#bits += '0'.repeat(code.length - 1) + code;
    }
    return this;
  }

  /** All bits, a one, and zeros up to a whole byte, with emulation prevention (§7.4.1). */
  nal(): Buffer {
    const padded = `${this.#bits}1`;
    const raw = padded.match(/.{1,8}/g)?.map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2));
    const out: number[] = [];
    for (const byte of raw ?? []) {
      if (byte <= 3 && out.at(-1) === 0 && out.at(-2) === 0) {
        out.push(3);
      }
      out.push(byte);
    }
    return Buffer.from(out);
  }
}

/** What a {@link writeSps} says; left out is what a plain 320x192 picture has. */
export interface SpsFields {
  readonly id?: number;
  readonly profile?: number;
  readonly chroma?: number;
  readonly separatePlanes?: boolean;
  readonly depths?: readonly [number, number];
  readonly frameNumberBits?: number;
  readonly orderType?: number;
  readonly references?: number;
  /** Macroblocks across and down. */
  readonly blocks?: readonly [number, number];
  readonly isInterlaced?: boolean;
  /** Left, right, top, bottom, in units of cropping. */
  readonly crop?: readonly [number, number, number, number];
  /** num_units_in_tick and time_scale. */
  readonly timing?: readonly [number, number];
  readonly sar?: readonly [number, number];
}

/** A sequence parameter set (§7.3.2.1.1) that may say anything. */
export function writeSps(fields: SpsFields = {}): Buffer {
  const { id = 0, profile = 100, chroma = 1, depths = [8, 8], blocks = [20, 12] } = fields;
  const { orderType = 2, references = 1, frameNumberBits = 4, crop, timing, sar } = fields;
  const bits = new BitWriter().u(8, 0x67).u(8, profile).u(8, 0).u(8, 40).ue(id);
  if (profile === 100 || profile === 110 || profile === 122 || profile === 244) {
    bits.ue(chroma);
    if (chroma === 3) {
      bits.u(1, Number(fields.separatePlanes ?? false));
    }
    bits
      .ue(depths[0] - 8, depths[1] - 8)
      .u(1, 0)
      .u(1, 0);
  }
  bits.ue(frameNumberBits - 4, orderType);
  if (orderType === 0) {
    bits.ue(0);
  }
  bits.ue(references).u(1, 0);
  bits.ue(blocks[0] - 1, blocks[1] - 1).u(1, Number(fields.isInterlaced !== true));
  if (fields.isInterlaced === true) {
    bits.u(1, 1);
  }
  bits
    .u(1, 1)
    .u(1, Number(crop !== undefined))
    .ue(...(crop ?? []));
  bits.u(1, Number(timing !== undefined || sar !== undefined));
  if (timing !== undefined || sar !== undefined) {
    bits.u(1, Number(sar !== undefined));
    if (sar !== undefined) {
      bits.u(8, 255).u(16, sar[0]).u(16, sar[1]);
    }
    bits.u(3, 0).u(1, Number(timing !== undefined));
    if (timing !== undefined) {
      bits.u(32, timing[0]).u(32, timing[1]).u(1, 1);
    }
    bits.u(4, 0);
  }
  return bits.nal();
}

/** A picture parameter set (§7.3.2.2): CAVLC, one slice group, nothing special. */
export const writePps = (id = 0, spsId = 0): Buffer =>
  new BitWriter().u(8, 0x68).ue(id, spsId).u(2, 0).ue(0, 0, 0).u(3, 0).ue(0, 0, 0).u(3, 0).nal();

/** The head of a slice (§7.3.3) and some bytes that are no slice data. `type` 7 is I, 5 is P. */
export const writeSlice = (type: number, ppsId = 0, isIdr = true): Buffer =>
  new BitWriter()
    .u(8, isIdr ? 0x65 : 0x41)
    .ue(0, type, ppsId)
    .u(32, 0x5a5a5a5a)
    .u(32, 0x5a5a5a5a)
    .nal();

/** An AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1) of these sets, 4-byte lengths. */
export function writeAvcConfiguration(sps: readonly Buffer[], pps: readonly Buffer[]): Buffer {
  const sized = (units: readonly Buffer[]): Buffer[] =>
    units.flatMap((unit) => [Buffer.of(unit.length >> 8, unit.length & 255), unit]);
  return Buffer.concat([
    Buffer.of(1, 100, 0, 40, 0xff, 0xe0 | sps.length),
    ...sized(sps),
    Buffer.of(pps.length),
    ...sized(pps),
  ]);
}
