/** A seeded generator of numbers in [0, 1) (mulberry32), so that every random source can be made again. */

// Looked up once: within jest every look-up of a global costs more than the sine itself.
const { imul } = Math;

/** See the head of this file. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = imul(state ^ (state >>> 15), 1 | state);
    value = (value + imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}
