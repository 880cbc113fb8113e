/** ADTS, ISO/IEC 14496-3 §1.A.2.2: coded sound with a header before each frame. */
import { PipelineError } from '../../errors.ts';

const HEADER_BYTES = 7;
const CRC_BYTES = 2;

/**
 * The raw AAC frames of an ADTS stream, as views.
 * @throws PipelineError `BAD_MEDIA` with the offset when it is no ADTS or is truncated
 */
export function adtsFrames(stream: Buffer): Buffer[] {
  const { frames, rest } = wholeAdtsFrames(stream);
  if (rest.byteLength > 0) {
    throw new PipelineError(
      'BAD_MEDIA',
      `no whole ADTS frame at offset ${stream.byteLength - rest.byteLength}`,
    );
  }
  return frames;
}

/**
 * The raw AAC frames that are whole in the beginning of an ADTS stream, as views, and what follows them.
 * @throws PipelineError `BAD_MEDIA` with the offset when it is no ADTS
 */
export function wholeAdtsFrames(stream: Buffer): {
  readonly frames: Buffer[];
  readonly rest: Buffer;
} {
  const frames: Buffer[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= stream.byteLength) {
    const isHeader = (stream.readUInt16BE(at) & 0xfff6) === 0xfff0;
    const size = isHeader ? (stream.readUInt32BE(at + 3) >>> 13) & 0x1fff : 0;
    const hasCrc = isHeader && ((stream[at + 1] ?? 0) & 1) === 0;
    const header = HEADER_BYTES + (hasCrc ? CRC_BYTES : 0);
    if (size < header) {
      throw new PipelineError('BAD_MEDIA', `no whole ADTS frame at offset ${at}`);
    }
    if (at + size > stream.byteLength) {
      break;
    }
    frames.push(stream.subarray(at + header, at + size));
    at += size;
  }
  return { frames, rest: stream.subarray(at) };
}
