/**
 * A frame number that machines read out of the picture.
 *
 * With `u` a 720th of the picture's shorter edge: two rows of 16 cells, each 32u wide and high, the first at (16u, 16u).
 * White is 1, black is 0, most significant bit first: 24 bits of frame number, then 8 bits of checksum (the XOR of
 * the number's three bytes and 0xA5).
 */
// Looked up once: within jest every look-up of a global costs more than the sine itself.
const { abs, floor, max, min, round } = Math;

const COLUMNS = 16;
const CELL_UNITS = 32;
const MARGIN_UNITS = 16;
const UNITS_OF_EDGE = 720;
const CHECK_SEED = 0xa5;
const WHITE = 235;
const BLACK = 16;
/** Smallest difference of luma between white and black cells that still counts as a stamp. */
const MIN_CONTRAST = 90;
/** No cell may lie nearer to the middle than this share of the contrast. */
const MIN_CERTAINTY = 0.15;
/** Inside a cell pixels may differ from its mean by this share of the contrast, on average: no border runs through it. */
const MAX_UNEVENNESS = 0.15;

/** How a stamp's cells lie. */
export const STAMP_CELLS = { columns: COLUMNS, rows: 2 } as const;

/** Where a picture lies inside a frame, in pixels; fractions come from letterboxing. */
export interface PictureArea {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A luma or gray plane; `width` is also its stride. */
export interface GrayPlane {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const unitOf = ({ width, height }: { readonly width: number; readonly height: number }): number =>
  Math.min(width, height) / UNITS_OF_EDGE;

/** The 32 bits of a stamp as one unsigned number. */
export function stampBits(frame: number): number {
  const check = ((frame >>> 16) & 0xff) ^ ((frame >>> 8) & 0xff) ^ (frame & 0xff) ^ CHECK_SEED;
  return (((frame & 0xffffff) << 8) | check) >>> 0;
}

/** Draws the stamp of frame `frame` into a limited-range luma plane that is wholly picture. */
export function drawStamp(plane: GrayPlane, frame: number): void {
  const unit = unitOf(plane);
  const bits = stampBits(frame);
  for (let cell = 0; cell < 2 * COLUMNS; cell++) {
    const left = round((MARGIN_UNITS + (cell % COLUMNS) * CELL_UNITS) * unit);
    const right = round((MARGIN_UNITS + ((cell % COLUMNS) + 1) * CELL_UNITS) * unit);
    const row = floor(cell / COLUMNS);
    const top = round((MARGIN_UNITS + row * CELL_UNITS) * unit);
    const bottom = round((MARGIN_UNITS + (row + 1) * CELL_UNITS) * unit);
    const value = (bits >>> (31 - cell)) & 1 ? WHITE : BLACK;
    for (let y = top; y < bottom; y++) {
      plane.data.fill(value, y * plane.width + left, y * plane.width + right);
    }
  }
}

/**
 * Reads the stamp of a picture.
 * @param plane at least the top of the frame, full width
 * @param area where the picture lies in the whole frame
 * @returns the frame number, or undefined if there is no certain stamp with a right checksum
 */
export function readStamp(plane: GrayPlane, area: PictureArea): number | undefined {
  const unit = unitOf(area);
  const means: number[] = [];
  let unevenness = 0;
  for (let cell = 0; cell < 2 * COLUMNS; cell++) {
    const x = area.x + (MARGIN_UNITS + ((cell % COLUMNS) + 0.25) * CELL_UNITS) * unit;
    const y = area.y + (MARGIN_UNITS + (floor(cell / COLUMNS) + 0.25) * CELL_UNITS) * unit;
    const size = (CELL_UNITS / 2) * unit;
    const cellArea = { x, y, width: size, height: size };
    const mean = meanOf(plane, cellArea);
    means.push(mean);
    unevenness = max(unevenness, meanOf(plane, cellArea, mean));
  }
  const contrast = max(...means) - min(...means);
  return unevenness > MAX_UNEVENNESS * contrast ? undefined : stampOfCells(means);
}

/**
 * Reads a stamp off its cells.
 * @param means brightness of each, in the order in which they are drawn
 * @returns the frame number, or undefined if there is no certain stamp with a right checksum
 */
export function stampOfCells(means: readonly number[]): number | undefined {
  const high = max(...means);
  const low = min(...means);
  const middle = (high + low) / 2;
  if (means.length !== STAMP_CELLS.columns * STAMP_CELLS.rows || high - low < MIN_CONTRAST) {
    return undefined;
  }
  let bits = 0;
  for (const mean of means) {
    if (abs(mean - middle) < MIN_CERTAINTY * (high - low)) {
      return undefined;
    }
    bits = ((bits << 1) | (mean > middle ? 1 : 0)) >>> 0;
  }
  const frame = bits >>> 8;
  return stampBits(frame) === bits ? frame : undefined;
}

/**
 * Mean over an area, rounded to whole pixels, at least one, and clipped to the plane.
 * @param from what is averaged is each pixel's distance from this
 */
export function meanOf(plane: GrayPlane, area: PictureArea, from = 0): number {
  const left = max(0, round(area.x));
  const right = min(plane.width, max(left + 1, round(area.x + area.width)));
  const top = max(0, round(area.y));
  const bottom = min(plane.height, max(top + 1, round(area.y + area.height)));
  let sum = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      sum += abs((plane.data[y * plane.width + x] ?? 0) - from);
    }
  }
  return sum / max(1, (right - left) * (bottom - top));
}

/** Where the stamp's cells lie, all of them together. */
export function stampArea(area: PictureArea): PictureArea {
  const unit = unitOf(area);
  return {
    x: area.x + MARGIN_UNITS * unit,
    y: area.y + MARGIN_UNITS * unit,
    width: STAMP_CELLS.columns * CELL_UNITS * unit,
    height: STAMP_CELLS.rows * CELL_UNITS * unit,
  };
}

/** A patch right of the stamp, level with it: nothing but picture, where a flash shows. */
export function flashPatch(area: PictureArea): PictureArea {
  const unit = unitOf(area);
  const x = (MARGIN_UNITS * 2 + COLUMNS * CELL_UNITS) * unit;
  const room = max(4, area.width - x - MARGIN_UNITS * unit);
  return {
    x: area.x + x,
    y: area.y + MARGIN_UNITS * unit,
    width: min(room, 256 * unit),
    height: 2 * CELL_UNITS * unit,
  };
}

/** The picture left of the stamp. */
export function stampMargin(area: PictureArea): PictureArea {
  const unit = unitOf(area);
  return {
    x: area.x + (MARGIN_UNITS / 4) * unit,
    y: area.y + MARGIN_UNITS * unit,
    width: (MARGIN_UNITS / 2) * unit,
    height: 2 * CELL_UNITS * unit,
  };
}

/** The share of a picture's height, from its top, that holds stamp and flash patch: of an upright one, more than that. */
export const STAMP_HEIGHT_SHARE = (2 * MARGIN_UNITS + 2 * CELL_UNITS) / UNITS_OF_EDGE;

/**
 * Where a source picture lies in a frame of another shape, scaled to fit and centred.
 * @param source size of the source picture
 * @param frame size of the frame it is letterboxed into
 */
export function letterboxArea(
  source: { readonly width: number; readonly height: number },
  frame: { readonly width: number; readonly height: number },
): PictureArea {
  const scale = min(frame.width / source.width, frame.height / source.height);
  const width = source.width * scale;
  const height = source.height * scale;
  return { x: (frame.width - width) / 2, y: (frame.height - height) / 2, width, height };
}
