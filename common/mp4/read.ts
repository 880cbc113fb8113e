/** Fragmented MP4, read: just enough to verify segments. ISO/IEC 14496-12. Truncated input throws with the offset. */
import { PipelineError, systemCodeOf } from '../errors.ts';

/** A box's place: `[start, end)` with its payload from `start + headerSize`. */
export interface Box {
  readonly type: string;
  readonly start: number;
  readonly headerSize: number;
  readonly end: number;
}

const bad = (what: string, offset: number): PipelineError =>
  new PipelineError('BAD_MEDIA', `mp4: ${what} at offset ${offset}`);

const view = (data: Uint8Array): Buffer =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** The boxes in `[start, end)`, §4.2. */
export function* boxes(data: Uint8Array, start = 0, end = data.byteLength): Generator<Box> {
  const bytes = view(data);
  let at = start;
  while (at < end) {
    if (at + 8 > end) {
      throw bad('truncated box header', at);
    }
    const short = bytes.readUInt32BE(at);
    const isLarge = short === 1;
    if (isLarge && at + 16 > end) {
      throw bad('truncated large box header', at);
    }
    const size = isLarge ? Number(bytes.readBigUInt64BE(at + 8)) : short;
    const headerSize = isLarge ? 16 : 8;
    if (size < headerSize || at + size > end) {
      throw bad(`box of ${size} bytes does not fit`, at);
    }
    yield { type: bytes.toString('latin1', at + 4, at + 8), start: at, headerSize, end: at + size };
    at += size;
  }
}

/** The first box at a path of types, or undefined. */
export function findBox(data: Uint8Array, path: readonly string[]): Box | undefined {
  let start = 0;
  let end = data.byteLength;
  let found: Box | undefined;
  for (const type of path) {
    found = undefined;
    for (const box of boxes(data, start, end)) {
      if (box.type === type) {
        found = box;
        break;
      }
    }
    if (found === undefined) {
      return undefined;
    }
    start = found.start + found.headerSize;
    end = found.end;
  }
  return found;
}

/** What a fragment says of its samples; times in the track's timescale. */
export interface FragmentInfo {
  /** `baseMediaDecodeTime` of the first `tfdt`. */
  readonly decodeTime: number;
  readonly sampleCount: number;
  /** Sum of the durations. */
  readonly duration: number;
  readonly durations: readonly number[];
  readonly sizes: readonly number[];
  readonly compositionOffsets: readonly number[];
  /** Fragments (`moof`) in the data. */
  readonly fragments: number;
}

interface Defaults {
  readonly duration: number;
  readonly size: number;
}

/** §8.8.7 */
function readTfhd(bytes: Buffer, box: Box): Defaults {
  let at = box.start + box.headerSize;
  const flags = bytes.readUInt32BE(at) & 0xffffff;
  at += 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0);
  const duration = flags & 0x8 ? bytes.readUInt32BE(at) : 0;
  at += flags & 0x8 ? 4 : 0;
  return { duration, size: flags & 0x10 ? bytes.readUInt32BE(at) : 0 };
}

/** §8.8.12 */
function readTfdt(bytes: Buffer, box: Box): number {
  const at = box.start + box.headerSize;
  return bytes[at] === 1 ? Number(bytes.readBigUInt64BE(at + 4)) : bytes.readUInt32BE(at + 4);
}

/** §8.8.8 */
function readTrun(
  bytes: Buffer,
  box: Box,
  defaults: Defaults,
): { durations: number[]; sizes: number[]; offsets: number[] } {
  const start = box.start + box.headerSize;
  const version = bytes[start] ?? 0;
  const flags = bytes.readUInt32BE(start) & 0xffffff;
  const count = bytes.readUInt32BE(start + 4);
  const has = (bit: number): boolean => (flags & bit) !== 0;
  let at = start + 8 + (has(0x1) ? 4 : 0) + (has(0x4) ? 4 : 0);
  const rowBytes = [0x100, 0x200, 0x400, 0x800].filter(has).length * 4;
  if (at + count * rowBytes > box.end) {
    throw bad(`trun of ${count} samples does not fit`, box.start);
  }
  const take = (bit: number, fallback: number): number => {
    if (!has(bit)) {
      return fallback;
    }
    const value = bit === 0x800 && version > 0 ? bytes.readInt32BE(at) : bytes.readUInt32BE(at);
    at += 4;
    return value;
  };
  const rows = { durations: [] as number[], sizes: [] as number[], offsets: [] as number[] };
  for (let i = 0; i < count; i += 1) {
    rows.durations.push(take(0x100, defaults.duration));
    rows.sizes.push(take(0x200, defaults.size));
    take(0x400, 0);
    rows.offsets.push(take(0x800, 0));
  }
  return rows;
}

/**
 * Reads a media segment of one track: one or more `moof` + `mdat`.
 * @throws PipelineError `BAD_MEDIA` when it is truncated, has no samples, its fragments do not adjoin, or `mdat` is not exactly the samples
 */
export function readFragment(data: Uint8Array): FragmentInfo {
  const bytes = view(data);
  const durations: number[] = [];
  const sizes: number[] = [];
  const compositionOffsets: number[] = [];
  let decodeTime: number | undefined;
  let expected = 0;
  let fragments = 0;
  let payload = 0;
  try {
    for (const top of boxes(bytes)) {
      if (top.type === 'mdat') {
        payload += top.end - top.start - top.headerSize;
      }
      if (top.type !== 'moof') {
        continue;
      }
      fragments += 1;
      for (const traf of boxes(bytes, top.start + top.headerSize, top.end)) {
        if (traf.type !== 'traf') {
          continue;
        }
        let defaults: Defaults = { duration: 0, size: 0 };
        for (const box of boxes(bytes, traf.start + traf.headerSize, traf.end)) {
          if (box.type === 'tfhd') {
            defaults = readTfhd(bytes, box);
          } else if (box.type === 'tfdt') {
            const time = readTfdt(bytes, box);
            if (decodeTime !== undefined && time !== expected) {
              throw bad(`fragment at ${time}, expected ${expected},`, box.start);
            }
            decodeTime ??= time;
            expected = time;
          } else if (box.type === 'trun') {
            const rows = readTrun(bytes, box, defaults);
            durations.push(...rows.durations);
            sizes.push(...rows.sizes);
            compositionOffsets.push(...rows.offsets);
            expected += rows.durations.reduce((sum, value) => sum + value, 0);
          }
        }
      }
    }
  } catch (error) {
    if (systemCodeOf(error).startsWith('ERR_')) {
      throw new PipelineError('BAD_MEDIA', 'mp4: a box is shorter than its fields', {
        cause: error,
      });
    }
    throw error;
  }
  if (decodeTime === undefined || durations.length === 0) {
    throw new PipelineError('BAD_MEDIA', 'mp4: no samples in the segment');
  }
  const sampleBytes = sizes.reduce((sum, size) => sum + size, 0);
  if (payload !== sampleBytes) {
    throw bad(`mdat of ${payload} bytes for samples of ${sampleBytes}`, data.byteLength);
  }
  return {
    decodeTime,
    sampleCount: durations.length,
    duration: expected - decodeTime,
    durations,
    sizes,
    compositionOffsets,
    fragments,
  };
}

/** Splits an MP4 into its init segment (up to the end of `moov`) and the media after it, without copying. */
export function splitInit(data: Buffer): { init: Buffer; media: Buffer } {
  for (const box of boxes(data)) {
    if (box.type === 'moov') {
      return { init: data.subarray(0, box.end), media: data.subarray(box.end) };
    }
  }
  throw new PipelineError('BAD_MEDIA', 'mp4: no moov box');
}

/**
 * Adds to the decode time of every fragment, in place.
 * @throws PipelineError `BAD_MEDIA` unless each `tfdt` is the 64-bit form
 */
export function shiftDecodeTimes(data: Buffer, ticks: number): void {
  for (const moof of boxes(data)) {
    if (moof.type !== 'moof') {
      continue;
    }
    for (const traf of boxes(data, moof.start + moof.headerSize, moof.end)) {
      if (traf.type !== 'traf') {
        continue;
      }
      for (const box of boxes(data, traf.start + traf.headerSize, traf.end)) {
        if (box.type !== 'tfdt') {
          continue;
        }
        const at = box.start + box.headerSize;
        if (data[at] !== 1) {
          throw bad('tfdt is not 64 bit', box.start);
        }
        data.writeBigUInt64BE(data.readBigUInt64BE(at + 4) + BigInt(ticks), at + 4);
      }
    }
  }
}
