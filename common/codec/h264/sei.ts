/** Supplemental enhancement information (Rec. ITU-T H.264 §7.3.2.3, Annex D). */
import { BitReader, rawPayload } from '../bit-reader.ts';
import type { PictureTimingLayout } from './sps.ts';

/** payloadType (§D.1.1). */
const PAYLOAD = { pictureTiming: 1, recoveryPoint: 6 } as const;
/** Bytes of a unit that are looked at. */
const MAX_BYTES = 4096;

/** The payload of the first message of a type in an SEI unit: all that follows its head. */
function payloadOf(unit: Uint8Array, wanted: number): Uint8Array | undefined {
  const payload = rawPayload(unit.subarray(1), MAX_BYTES);
  let at = 0;
  // Type and size are each coded as a run of 0xFF and a last byte; 0x80 is the trailing bits.
  const readRun = (): number => {
    let value = 0;
    while (payload[at] === 0xff) {
      value += 255;
      at += 1;
    }
    value += payload[at] ?? 0;
    at += 1;
    return value;
  };
  while (at + 2 < payload.length && payload[at] !== 0x80) {
    const type = readRun();
    const size = readRun();
    if (type === wanted) {
      return payload.subarray(at);
    }
    at += size;
  }
  return undefined;
}

/** Whether an SEI unit has a recovery point message with recovery_frame_cnt 0 (H.264 §D.1.8). */
export function hasRecoveryPointZero(unit: Uint8Array): boolean {
  // recovery_frame_cnt 0 is the single bit 1.
  return ((payloadOf(unit, PAYLOAD.recoveryPoint)?.[0] ?? 0) & 0x80) !== 0;
}

/** A picture timing message (§D.1.3). */
export interface PictureTiming {
  /** pic_struct (table D-1): 0 is a frame, 1 and 2 a field, 3 and 4 two fields, 5 and 6 three, 7 and 8 a frame repeated. */
  readonly structure: number;
  /** Some clock timestamp's ct_type says interlaced (true) or progressive (false); undefined if none says. */
  readonly isInterlaced: boolean | undefined;
}

/** Clock timestamps by pic_struct (table D-1). */
const CLOCK_TIMESTAMPS = [1, 1, 1, 2, 2, 3, 3, 2, 3];
/** ct_type (table D-2). */
const CLOCK_TYPE = { progressive: 0, interlaced: 1 } as const;

/** The rest of a clock timestamp, after ct_type. */
function skipClockTimestamp(reader: BitReader, timeOffsetBits: number): void {
  reader.bits(6); // nuit_field_based_flag, counting_type
  const isFull = reader.flag();
  reader.bits(10); // discontinuity_flag, cnt_dropped_flag, n_frames
  if (isFull) {
    reader.bits(17);
  } else if (reader.flag()) {
    reader.bits(6); // seconds
    if (reader.flag()) {
      reader.bits(6); // minutes
      if (reader.flag()) {
        reader.bits(5); // hours
      }
    }
  }
  reader.bits(timeOffsetBits);
}

/** Reads an SEI unit's picture timing; undefined if it has none that says how the picture is to be shown. */
export function readPictureTiming(
  unit: Uint8Array,
  layout: PictureTimingLayout,
): PictureTiming | undefined {
  const payload = layout.hasStructure ? payloadOf(unit, PAYLOAD.pictureTiming) : undefined;
  if (payload === undefined) {
    return undefined;
  }
  const reader = new BitReader(payload);
  const types = new Set<number>();
  let structure: number | undefined;
  try {
    for (let left = layout.delayBits; left > 0; left -= 32) {
      reader.bits(Math.min(32, left));
    }
    structure = reader.bits(4);
    for (let i = CLOCK_TIMESTAMPS[structure] ?? 0; i > 0; i -= 1) {
      if (reader.flag()) {
        types.add(reader.bits(2));
        skipClockTimestamp(reader, layout.timeOffsetBits);
      }
    }
  } catch {
    // A message that ends early has said what it says.
  }
  if (structure === undefined) {
    return undefined;
  }
  const isInterlaced = types.has(CLOCK_TYPE.interlaced)
    ? true
    : types.has(CLOCK_TYPE.progressive)
      ? false
      : undefined;
  return { structure, isInterlaced };
}
