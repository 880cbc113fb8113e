/** Moving test pictures with frame stamps and flashes, drawn as raw 4:2:0 frames. */
import { drawStamp } from './frame-stamp.ts';
import { seeded } from './seeded.ts';

// Looked up once: within jest every look-up of a global costs more than the sine itself.
const { ceil, floor } = Math;

/** Luma of the moving picture stays below this; a flash is far above it. */
export const PICTURE_MAX_LUMA = 160;
/** And above this, far from black. */
export const PICTURE_MIN_LUMA = 40;
const FLASH_LUMA = 235;
const TEXTURE_MARGIN = 256;
const BLOB = 16;

/** What to draw. */
export interface PictureOptions {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** The stamp of the first frame. */
  readonly firstStamp?: number;
  /** Stamps of the frames at which a flash of two frames begins. */
  readonly flashes: ReadonlySet<number>;
  /** Frames between cuts to another scene; none by default. */
  readonly cutEvery?: number;
  readonly seed: number;
}

/** Draws the frames one after another. Each is a buffer of its own, `width·height·1.5` bytes of yuv420p. */
export function* drawFrames(options: PictureOptions): Generator<Uint8Array> {
  const { width, height } = options;
  const scenes = [0, 1, 2].map((scene) => makeTexture(width, height, options.seed + scene));
  const first = options.firstStamp ?? 0;
  for (let i = 0; i < options.frames; i++) {
    const number = first + i;
    const cuts = options.cutEvery === undefined ? 0 : floor(number / options.cutEvery);
    const frame = new Uint8Array((width * height * 3) / 2);
    const luma = frame.subarray(0, width * height);
    if (options.flashes.has(number) || options.flashes.has(number - 1)) {
      luma.fill(FLASH_LUMA);
      frame.fill(128, width * height);
    } else {
      drawScene(luma, width, height, scenes[cuts % scenes.length] ?? luma, number);
      fillChroma(frame, width, height, cuts);
    }
    drawStamp({ width, height, data: luma }, number);
    yield frame;
  }
}

function drawScene(
  luma: Uint8Array,
  width: number,
  height: number,
  texture: Uint8Array,
  number: number,
): void {
  const stride = width + TEXTURE_MARGIN;
  const x = triangle(number * 2, TEXTURE_MARGIN);
  const y = triangle(number, TEXTURE_MARGIN);
  for (let row = 0; row < height; row++) {
    const from = (row + y) * stride + x;
    luma.set(texture.subarray(from, from + width), row * width);
  }
  const size = floor(height / 6);
  const left = triangle(number * 5, width - size);
  const top = floor(height / 2) + triangle(number * 3, floor(height / 2) - size);
  for (let row = top; row < top + size; row++) {
    luma.fill(PICTURE_MAX_LUMA, row * width + left, row * width + left + size);
  }
}

function fillChroma(frame: Uint8Array, width: number, height: number, scene: number): void {
  const size = (width * height) / 4;
  frame.fill(108 + ((scene * 17) % 40), width * height, width * height + size);
  frame.fill(148 - ((scene * 23) % 40), width * height + size);
}

/** Goes up to `top` and down again, for ever. */
function triangle(value: number, top: number): number {
  const inside = value % (2 * top);
  return inside < top ? inside : 2 * top - inside;
}

/** Smooth blobs with a little grain, so that an encoder has something to do, but not too much. */
function makeTexture(width: number, height: number, seed: number): Uint8Array {
  const random = seeded(seed);
  const [wide, high] = [width + TEXTURE_MARGIN, height + TEXTURE_MARGIN];
  const columns = ceil(wide / BLOB) + 2;
  const knots = Float32Array.from({ length: columns * (ceil(high / BLOB) + 2) }, random);
  const texture = new Uint8Array(wide * high);
  for (let y = 0; y < high; y++) {
    const [row, down] = [floor(y / BLOB), (y % BLOB) / BLOB];
    for (let x = 0; x < wide; x++) {
      const at = row * columns + floor(x / BLOB);
      const right = (x % BLOB) / BLOB;
      const top = (knots[at] ?? 0) * (1 - right) + (knots[at + 1] ?? 0) * right;
      const below =
        (knots[at + columns] ?? 0) * (1 - right) + (knots[at + columns + 1] ?? 0) * right;
      const value = top * (1 - down) + below * down;
      const range = PICTURE_MAX_LUMA - PICTURE_MIN_LUMA - 8;
      texture[y * wide + x] = PICTURE_MIN_LUMA + value * range + random() * 8;
    }
  }
  return texture;
}
