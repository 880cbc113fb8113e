/** The frame number that machines read out of the picture; README.md of this folder gives the layout. */
import type { Canvas } from './canvas.ts';

const COLUMNS = 16;
const CELLS = 32;
const CELL_SIZE = 32;
const MARGIN = 16;
const HEIGHT = 720;
const CHECK_SEED = 0xa5;
const WHITE = 235;
const BLACK = 16;
const GREY = 128;

/** 24 bits of frame number, then 8 bits of checksum: the XOR of the number's three bytes and 0xA5. */
export function stampBits(frame: number): number {
  const check = (frame >>> 16) ^ (frame >>> 8) ^ frame ^ CHECK_SEED;
  return (((frame & 0xffffff) << 8) | (check & 0xff)) >>> 0;
}

/** Draws the stamp: two rows of 16 cells, white for 1, the most significant bit first. */
export function drawStamp(canvas: Canvas, frame: number): void {
  const unit = canvas.height / HEIGHT;
  const bits = stampBits(frame);
  for (let cell = 0; cell < CELLS; cell++) {
    const left = Math.round((MARGIN + (cell % COLUMNS) * CELL_SIZE) * unit);
    const top = Math.round((MARGIN + Math.floor(cell / COLUMNS) * CELL_SIZE) * unit);
    const size = Math.round(CELL_SIZE * unit);
    const value = (bits >>> (CELLS - 1 - cell)) & 1 ? WHITE : BLACK;
    for (let y = top; y < top + size; y++) {
      canvas.luma.fill(value, y * canvas.width + left, y * canvas.width + left + size);
      const chroma = (y >> 1) * (canvas.width / 2) + left / 2;
      canvas.cb.fill(GREY, chroma, chroma + size / 2);
      canvas.cr.fill(GREY, chroma, chroma + size / 2);
    }
  }
}
