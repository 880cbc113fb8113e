/** The fields MP4 boxes are made of. */

/** Bytes. */
export const u8 = (...values: number[]): Buffer => Buffer.from(values);
/** A 16-bit big-endian number. */
export const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};
/** 32-bit big-endian numbers. */
export const u32 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value >>> 0, 4 * i));
  return bytes;
};
/** A 64-bit big-endian number. */
export const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};
/** Four-character codes and names. */
export const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

/** A box, ISO/IEC 14496-12 §4.2: size, type, payload. */
export function box(type: string, ...payload: readonly Uint8Array[]): Buffer {
  const size = payload.reduce((sum, part) => sum + part.byteLength, 8);
  return Buffer.concat([u32(size), ascii(type), ...payload], size);
}

/** A full box: version and flags before the payload. */
export const fullBox = (
  type: string,
  version: number,
  flags: number,
  ...payload: Uint8Array[]
): Buffer => box(type, u32((version << 24) | flags), ...payload);
