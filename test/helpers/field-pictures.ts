/**
 * H.264 in field pictures (PAFF), which no encoder at hand makes: every macroblock is I_PCM, its samples as they are
 * (Rec. ITU-T H.264 §7.3.3, §7.3.5). Large, lossless, and decoded by anything that knows fields.
 */
import { joinSample } from '#common/codec/h264/nal-units';
import { BitWriter, writeAvcConfiguration, writePps, writeSps } from './bits.ts';

const MACROBLOCK = 16;
/** Bits of frame_num and pic_order_cnt_lsb in {@link writeSps}. */
const COUNTER_BITS = 4;
/** mb_type I_PCM in an I slice (table 7-11): ue(25), then zeros up to a whole byte. */
const I_PCM = '000011010';

/** Pictures in field pictures: both sides are whole macroblocks of fields. */
export interface FieldSize {
  readonly width: number;
  /** Of a frame: a multiple of 32. */
  readonly height: number;
}

/** The decoder configuration of {@link fieldPicture}'s. */
export const fieldConfiguration = ({ width, height }: FieldSize): Buffer =>
  writeAvcConfiguration(
    [
      writeSps({
        profile: 77,
        orderType: 0,
        references: 1,
        isInterlaced: true,
        blocks: [width / MACROBLOCK, height / MACROBLOCK / 2],
      }),
    ],
    [writePps()],
  );

/** Puts emulation prevention into a payload (§7.4.1). */
function escaped(header: number, payload: Uint8Array): Buffer {
  const out = Buffer.alloc(1 + Math.ceil(payload.length * 1.5) + 1);
  out[0] = header;
  let at = 1;
  let zeros = 0;
  for (const byte of payload) {
    if (zeros >= 2 && byte <= 3) {
      out[at] = 3;
      at += 1;
      zeros = 0;
    }
    out[at] = byte;
    at += 1;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return out.subarray(0, at);
}

/** Copies a macroblock's rows of one plane of a field. */
function copyBlock(
  out: Buffer,
  plane: Uint8Array,
  {
    stride,
    size,
    column,
    row,
    isBottom,
  }: Record<'stride' | 'size' | 'column' | 'row', number> & { isBottom: boolean },
): void {
  for (let y = 0; y < size; y += 1) {
    const line = 2 * (row * size + y) + Number(isBottom);
    const from = line * stride + column * size;
    out.set(plane.subarray(from, from + size), y * size);
  }
}

/**
 * One field of a picture as a coded slice.
 * @param frame the picture as yuv420p; of it every second line is taken
 * @param number of the frame it is of, counted from the last IDR
 */
export function fieldSlice(
  frame: Uint8Array,
  { width, height }: FieldSize,
  field: { readonly number: number; readonly isBottom: boolean; readonly isSecond: boolean },
): Buffer {
  const isIdr = field.number === 0 && !field.isSecond;
  const bits = new BitWriter()
    .ue(0, 7, 0)
    .u(COUNTER_BITS, field.number % 2 ** COUNTER_BITS)
    .u(1, 1)
    .u(1, Number(field.isBottom));
  if (isIdr) {
    bits.ue(0);
  }
  bits.u(COUNTER_BITS, (2 * field.number + Number(field.isSecond)) % 2 ** COUNTER_BITS);
  bits.u(isIdr ? 2 : 1, 0).ue(0);
  const head = `${bits.text}${I_PCM}`;
  const first = head.padEnd(Math.ceil(head.length / 8) * 8, '0').match(/.{8}/g) ?? [];
  const pieces: Buffer[] = [Buffer.from(first.map((byte) => Number.parseInt(byte, 2)))];
  const luma = frame.subarray(0, width * height);
  const cb = frame.subarray(width * height, (width * height * 5) / 4);
  const cr = frame.subarray((width * height * 5) / 4);
  for (let row = 0; row < height / MACROBLOCK / 2; row += 1) {
    for (let column = 0; column < width / MACROBLOCK; column += 1) {
      if (row + column > 0) {
        pieces.push(Buffer.of(0x0d, 0));
      }
      const samples = Buffer.alloc(384);
      const at = { column, row, isBottom: field.isBottom };
      copyBlock(samples, luma, { ...at, stride: width, size: 16 });
      copyBlock(samples.subarray(256), cb, { ...at, stride: width / 2, size: 8 });
      copyBlock(samples.subarray(320), cr, { ...at, stride: width / 2, size: 8 });
      pieces.push(samples);
    }
  }
  pieces.push(Buffer.of(0x80));
  return escaped(isIdr ? 0x65 : 0x61, Buffer.concat(pieces));
}

/**
 * Field pictures of a sequence of moments, one field of each, as AVCC samples with one field each.
 * @param keyframeEvery frames from one IDR to the next
 */
export function* fieldPictures(
  moments: Iterable<Uint8Array>,
  size: FieldSize,
  { isTopFirst, keyframeEvery }: { readonly isTopFirst: boolean; readonly keyframeEvery: number },
): Generator<Buffer> {
  let n = 0;
  for (const frame of moments) {
    const isSecond = n % 2 === 1;
    const number = Math.floor(n / 2) % keyframeEvery;
    yield joinSample([
      fieldSlice(frame, size, { number, isSecond, isBottom: isSecond === isTopFirst }),
    ]);
    n += 1;
  }
}
