/** Supplemental enhancement information (Rec. ITU-T H.264 §7.3.2.3, Annex D). */
import { rawPayload } from '../bit-reader.ts';

/** Whether an SEI unit has a recovery point message with recovery_frame_cnt 0 (H.264 §D.1.8). */
export function hasRecoveryPointZero(unit: Uint8Array): boolean {
  const payload = rawPayload(unit.subarray(1), 4096);
  let at = 0;
  // A message is type and size, each coded as a run of 0xFF and a last byte; 0x80 is the trailing bits.
  while (at + 2 < payload.length && payload[at] !== 0x80) {
    let type = 0;
    while (payload[at] === 0xff) {
      type += 255;
      at += 1;
    }
    type += payload[at] ?? 0;
    at += 1;
    let size = 0;
    while (payload[at] === 0xff) {
      size += 255;
      at += 1;
    }
    size += payload[at] ?? 0;
    at += 1;
    if (type === 6) {
      // recovery_frame_cnt 0 is the single bit 1.
      return ((payload[at] ?? 0) & 0x80) !== 0;
    }
    at += size;
  }
  return false;
}
