/** Letters as strokes, so that they are smooth at any size and need no font on the machine. */
import { stroke, type Canvas, type Colour } from './canvas.ts';

/** Each glyph is a list of polylines on a grid 4 wide and 6 high, points as two digits: x then y, y downwards. */
const GLYPHS: Readonly<Record<string, string>> = {
  '0': '10 30 41 45 36 16 05 01 10',
  '1': '11 20 26',
  '2': '01 10 30 41 42 06 46',
  '3': '01 10 30 41 42 33 13|33 44 45 36 16 05',
  '4': '36 30 04 44',
  '5': '40 00 03 33 44 45 36 16 05',
  '6': '30 10 02 05 16 36 45 44 33 03',
  '7': '00 40 16',
  '8': '10 30 41 42 33 13 02 01 10|13 04 05 16 36 45 44 33',
  '9': '16 36 44 41 30 10 01 02 13 43',
  ':': '21 22|24 25',
  '.': '26 26',
  '-': '13 33',
  A: '06 20 46|14 34',
  B: '00 30 41 42 33 03|33 44 45 36 06 00',
  C: '41 30 10 01 05 16 36 45',
  D: '00 30 41 45 36 06 00',
  E: '40 00 06 46|03 33',
  F: '40 00 06|03 33',
  G: '41 30 10 01 05 16 36 45 43 23',
  H: '00 06|40 46|03 43',
  I: '20 26',
  K: '00 06|40 03 46',
  L: '00 06 46',
  M: '06 00 23 40 46',
  N: '06 00 46 40',
  O: '10 30 41 45 36 16 05 01 10',
  P: '06 00 30 41 42 33 03',
  R: '06 00 30 41 42 33 03|23 46',
  S: '41 30 10 01 02 13 33 44 45 36 16 05',
  T: '00 40|20 26',
  U: '00 05 16 36 45 40',
  V: '00 26 40',
  X: '00 46|40 06',
  Y: '00 23 40|23 26',
};

/** From one letter to the next, in units of the grid. */
const ADVANCE = 5.6;
const HEIGHT = 6;

/** How wide a text of this height is, in pixels. */
export const widthOf = (text: string, height: number): number =>
  (text.length * ADVANCE - (ADVANCE - 4)) * (height / HEIGHT);

/** Writes a text whose capitals are `height` pixels high, its top left corner at (x, y). */
export function write(
  canvas: Canvas,
  text: string,
  place: { readonly x: number; readonly y: number; readonly height: number },
  colour: Colour,
): void {
  const unit = place.height / HEIGHT;
  Array.from(text).forEach((letter, index) => {
    const left = place.x + index * ADVANCE * unit;
    for (const line of (GLYPHS[letter] ?? '').split('|')) {
      const points = line.split(' ').map((point) => ({
        x: left + Number(point[0]) * unit,
        y: place.y + Number(point[1]) * unit,
      }));
      for (const [at, from] of points.entries()) {
        const to = points[at + 1];
        if (to !== undefined) {
          const ends = { x0: from.x, y0: from.y, x1: to.x, y1: to.y };
          stroke(canvas, { ...ends, radius: place.height / 12 }, colour);
        }
      }
    }
  });
}
