/** The match's sound: a beep on every second over the murmur of the crowd, repeating without a seam. */
import { seededRandom } from './random.ts';

/** Samples a second. */
export const SAMPLE_RATE = 48_000;
const BEEP_HZ = 1_000;
const BEEP_SECONDS = 0.04;
const BEEP_LEVEL = 0.35;
const CROWD_LEVEL = 0.012;
/** Edges of the beep, short against a frame and long enough not to click. */
const EDGE_SECONDS = 0.002;

/** Mono samples, 16 bit little-endian, of a whole number of seconds. */
export function renderSound(seconds: number): Buffer {
  const count = seconds * SAMPLE_RATE;
  const crowd = renderCrowd(count);
  const bytes = Buffer.alloc(count * 2);
  for (let sample = 0; sample < count; sample++) {
    const time = (sample % SAMPLE_RATE) / SAMPLE_RATE;
    const edge = Math.min(1, time / EDGE_SECONDS, (BEEP_SECONDS - time) / EDGE_SECONDS);
    const beep =
      time < BEEP_SECONDS ? BEEP_LEVEL * edge * Math.sin(2 * Math.PI * BEEP_HZ * time) : 0;
    bytes.writeInt16LE(Math.round(32_767 * (beep + (crowd[sample] ?? 0))), sample * 2);
  }
  return bytes;
}

/** Low-passed noise; the filter goes round twice, so that its end meets its beginning. */
function renderCrowd(count: number): Float32Array {
  const random = seededRandom(3);
  const noise = Float32Array.from({ length: count }, () => random() * 2 - 1);
  const crowd = new Float32Array(count);
  let low = 0;
  let lower = 0;
  for (let sample = 0; sample < 2 * count; sample++) {
    low += ((noise[sample % count] ?? 0) - low) * 0.08;
    lower += (low - lower) * 0.003;
    crowd[sample % count] = (low - lower) * CROWD_LEVEL * 10;
  }
  return crowd;
}
