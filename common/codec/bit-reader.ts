/** Bits and Exp-Golomb codes of a raw byte sequence payload (Rec. ITU-T H.264 §7.2 and §9.1). */
import { PipelineError } from '../errors.ts';

/** Reads bits, most significant first. Reading past the end throws BAD_MEDIA with the bit's offset. */
export class BitReader {
  readonly #data: Uint8Array;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  /** Bits not yet read. */
  get remaining(): number {
    return this.#data.length * 8 - this.#at;
  }

  /** `u(n)`: an unsigned number of `count` bits, 0 to 32. */
  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1) {
      const byte = this.#data[this.#at >> 3];
      if (byte === undefined) {
        throw new PipelineError('BAD_MEDIA', `bits end at ${this.#at}`);
      }
      value = value * 2 + ((byte >> (7 - (this.#at & 7))) & 1);
      this.#at += 1;
    }
    return value;
  }

  /** `u(1)` as a flag. */
  flag(): boolean {
    return this.bits(1) === 1;
  }

  /** `ue(v)`, at most 2^32 − 2. */
  unsigned(): number {
    let zeros = 0;
    while (!this.flag()) {
      zeros += 1;
      if (zeros > 31) {
        throw new PipelineError('BAD_MEDIA', `Exp-Golomb code too long at bit ${this.#at}`);
      }
    }
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** `se(v)`. */
  signed(): number {
    const code = this.unsigned();
    return code % 2 === 0 ? -(code / 2) : (code + 1) / 2;
  }
}

/**
 * The payload of a NAL unit without its emulation prevention bytes (H.264 §7.4.1: 00 00 03 → 00 00).
 * @param limit bytes of the NAL unit to look at; headers need only the first few
 */
export function rawPayload(nal: Uint8Array, limit = nal.length): Uint8Array {
  const end = Math.min(nal.length, limit);
  const out = new Uint8Array(end);
  let length = 0;
  let zeros = 0;
  for (let i = 0; i < end; i += 1) {
    const byte = nal[i] ?? 0;
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    out[length] = byte;
    length += 1;
  }
  return out.subarray(0, length);
}
