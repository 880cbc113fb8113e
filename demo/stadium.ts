/** What does not move: grass, lines, boards and crowd, drawn once as a panorama. */
import { PANORAMA, PITCH, project, unproject } from './camera.ts';
import { createCanvas, mix, rectangle, rgb, stroke, type Canvas, type Colour } from './canvas.ts';
import { widthOf, write } from './lettering.ts';
import { seededRandom } from './random.ts';

const GRASS: readonly [Colour, Colour] = [rgb(46, 125, 50), rgb(56, 142, 60)];
const SURROUND = rgb(38, 102, 44);
const LINE = rgb(232, 240, 232);
const STAND = rgb(28, 32, 44);
const BOARDS: readonly Colour[] = [rgb(13, 59, 102), rgb(160, 32, 48), rgb(20, 20, 24)];
const SHIRTS: readonly Colour[] = [
  rgb(150, 46, 52),
  rgb(44, 78, 140),
  rgb(160, 160, 166),
  rgb(70, 72, 84),
  rgb(176, 150, 84),
];
const STRIPE_METRES = PITCH.length / 20;
const LINE_METRES = 0.16;
const APRON_METRES = 4;
const BOARD_TOP = 192;

/** Draws the panorama. */
export function drawStadium(): Canvas {
  const canvas = createCanvas(PANORAMA.width, PANORAMA.height);
  const boardBottom = Math.round(project(0, PITCH.width + APRON_METRES).y);
  drawCrowd(canvas);
  drawGround(canvas, boardBottom);
  drawBoards(canvas, boardBottom);
  drawGoals(canvas);
  return canvas;
}

function drawCrowd(canvas: Canvas): void {
  const random = seededRandom(7);
  const area = { x: 0, y: 0, width: canvas.width, height: BOARD_TOP };
  rectangle(canvas, area, STAND);
  for (let y = 6; y < BOARD_TOP - 6; y += 11) {
    for (let x = (y % 2) * 5; x < canvas.width; x += 10) {
      const shirt = SHIRTS[Math.floor(random() * SHIRTS.length)] ?? STAND;
      const light = 0.25 + 0.45 * (y / BOARD_TOP) * (0.6 + 0.4 * random());
      const cx = x + random() * 3;
      const body = { x0: cx, y0: y + 3, x1: cx, y1: y + 6, radius: 3.2 };
      stroke(canvas, body, mix(STAND, shirt, light));
      const head = { x0: cx, y0: y - 1, x1: cx, y1: y - 1, radius: 2 };
      stroke(canvas, head, mix(STAND, rgb(205, 170, 145), light));
    }
  }
}

function drawGround(canvas: Canvas, top: number): void {
  for (let y = top; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++) {
      const { along, across } = unproject(x + 0.5, y + 0.5);
      const metresPerPixel = 1 / project(along, across).scale;
      const isInside =
        along > -APRON_METRES && along < PITCH.length + APRON_METRES && across > -APRON_METRES;
      const stripe = GRASS[Math.abs(Math.floor(along / STRIPE_METRES)) % 2] ?? SURROUND;
      const ground = isInside ? stripe : SURROUND;
      const near = distanceToLines(along, across) - LINE_METRES / 2;
      const paint = Math.min(1, Math.max(0, 0.5 - near / (1.6 * metresPerPixel)));
      const colour = paint > 0 ? mix(ground, LINE, paint * 0.9) : ground;
      canvas.luma[y * canvas.width + x] = colour.y;
      if (((x | y) & 1) === 0) {
        const chroma = (y / 2) * (canvas.width / 2) + x / 2;
        canvas.cb[chroma] = colour.u;
        canvas.cr[chroma] = colour.v;
      }
    }
  }
}

/** Metres to the nearest of the pitch's markings (IFAB Laws of the Game, law 1). */
function distanceToLines(along: number, across: number): number {
  const x = Math.min(along, PITCH.length - along);
  const y = Math.abs(across - PITCH.width / 2);
  const centre = Math.hypot(along - PITCH.length / 2, y);
  const spot = Math.hypot(x - 11, y);
  return Math.min(
    distanceToBox(x, y, PITCH.length, PITCH.width / 2),
    distanceToBox(x, y, 16.5, 20.16),
    distanceToBox(x, y, 5.5, 9.16),
    y <= PITCH.width / 2 ? Math.abs(along - PITCH.length / 2) : Infinity,
    Math.abs(centre - 9.15),
    centre - 0.15,
    spot - 0.15,
    x > 16.5 ? Math.abs(spot - 9.15) : Infinity,
  );
}

/** Metres to the outline of a box that stands on the goal line: `depth` into the pitch, `half` to either side. */
function distanceToBox(x: number, y: number, depth: number, half: number): number {
  const isBeside = x >= -LINE_METRES && x <= depth + LINE_METRES;
  const isBetween = y <= half + LINE_METRES;
  return Math.min(
    isBeside ? Math.abs(y - half) : Infinity,
    isBetween ? Math.min(Math.abs(x), Math.abs(x - depth)) : Infinity,
  );
}

function drawBoards(canvas: Canvas, bottom: number): void {
  const width = 208;
  for (let left = 0, index = 0; left < canvas.width; left += width, index++) {
    const colour = BOARDS[index % BOARDS.length] ?? STAND;
    rectangle(canvas, { x: left, y: BOARD_TOP, width, height: bottom - BOARD_TOP }, colour);
    const text = index % 2 === 0 ? 'TOUCHLINE' : 'ON THE GRID';
    const height = 11;
    const x = left + (width - widthOf(text, height)) / 2;
    write(canvas, text, { x, y: BOARD_TOP + 7, height }, LINE);
  }
}

function drawGoals(canvas: Canvas): void {
  for (const along of [0, PITCH.length]) {
    const posts = [-3.66, 3.66].map((half) => project(along, PITCH.width / 2 + half));
    const [near, far] = posts;
    if (near === undefined || far === undefined) {
      return;
    }
    const top = (post: { y: number; scale: number }): number => post.y - 2.44 * post.scale;
    for (const post of posts) {
      stroke(canvas, { x0: post.x, y0: post.y, x1: post.x, y1: top(post), radius: 1.6 }, LINE);
    }
    stroke(canvas, { x0: near.x, y0: top(near), x1: far.x, y1: top(far), radius: 1.6 }, LINE);
  }
}
