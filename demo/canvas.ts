/** A picture in planar YUV 4:2:0, limited range, BT.709, and the two shapes that everything is drawn with. */

/** A colour as it is stored. */
export interface Colour {
  readonly y: number;
  readonly u: number;
  readonly v: number;
}

/** A picture; width and height are even. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly luma: Uint8Array;
  readonly cb: Uint8Array;
  readonly cr: Uint8Array;
  /** All three planes one after the other, as `rawvideo` in `yuv420p`. */
  readonly bytes: Uint8Array;
}

/** A black picture. */
export function createCanvas(width: number, height: number): Canvas {
  const size = width * height;
  const bytes = new Uint8Array((size * 3) / 2).fill(128);
  const luma = bytes.subarray(0, size).fill(16);
  const cb = bytes.subarray(size, size + size / 4);
  const cr = bytes.subarray(size + size / 4);
  return { width, height, luma, cb, cr, bytes };
}

/** A colour from red, green and blue, 0 to 255 each (Rec. ITU-R BT.709-6, 3.2 to 3.4). */
export function rgb(red: number, green: number, blue: number): Colour {
  const luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return {
    y: 16 + (luma * 219) / 255,
    u: 128 + ((blue - luma) / 1.8556) * (224 / 255),
    v: 128 + ((red - luma) / 1.5748) * (224 / 255),
  };
}

/** A colour between two others. */
export function mix(from: Colour, to: Colour, share: number): Colour {
  return {
    y: from.y + (to.y - from.y) * share,
    u: from.u + (to.u - from.u) * share,
    v: from.v + (to.v - from.v) * share,
  };
}

function blend(plane: Uint8Array, index: number, value: number, alpha: number): void {
  const old = plane[index] ?? 0;
  plane[index] = old + (value - old) * alpha + 0.5;
}

/** Fills an area, given in whole pixels. */
export function rectangle(
  canvas: Canvas,
  area: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  colour: Colour,
  alpha = 1,
): void {
  const { width } = canvas;
  for (let y = area.y; y < area.y + area.height; y++) {
    for (let x = area.x; x < area.x + area.width; x++) {
      blend(canvas.luma, y * width + x, colour.y, alpha);
      if (((x | y) & 1) === 0) {
        const chroma = (y / 2) * (width / 2) + x / 2;
        blend(canvas.cb, chroma, colour.u, alpha);
        blend(canvas.cr, chroma, colour.v, alpha);
      }
    }
  }
}

/** A thick line with round ends; both ends in one place make a disc. */
export interface Stroke {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  readonly radius: number;
}

/** Draws a stroke with smooth edges, clipped to the picture. */
export function stroke(canvas: Canvas, line: Stroke, colour: Colour, alpha = 1): void {
  const { width, height } = canvas;
  const reach = line.radius + 1;
  const left = Math.max(0, Math.floor(Math.min(line.x0, line.x1) - reach));
  const right = Math.min(width - 1, Math.ceil(Math.max(line.x0, line.x1) + reach));
  const top = Math.max(0, Math.floor(Math.min(line.y0, line.y1) - reach));
  const bottom = Math.min(height - 1, Math.ceil(Math.max(line.y0, line.y1) + reach));
  const dx = line.x1 - line.x0;
  const dy = line.y1 - line.y0;
  const lengthSquared = Math.max(1e-9, dx * dx + dy * dy);
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const px = x + 0.5 - line.x0;
      const py = y + 0.5 - line.y0;
      const along = Math.min(1, Math.max(0, (px * dx + py * dy) / lengthSquared));
      const ex = px - along * dx;
      const ey = py - along * dy;
      const cover = line.radius + 0.5 - Math.sqrt(ex * ex + ey * ey);
      if (cover <= 0) {
        continue;
      }
      const share = Math.min(1, cover) * alpha;
      blend(canvas.luma, y * width + x, colour.y, share);
      if (((x | y) & 1) === 0) {
        const chroma = (y / 2) * (width / 2) + x / 2;
        blend(canvas.cb, chroma, colour.u, share);
        blend(canvas.cr, chroma, colour.v, share);
      }
    }
  }
}
