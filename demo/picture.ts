/** One frame of the match. */
import { PICTURE, project, windowFor } from './camera.ts';
import { createCanvas, mix, rectangle, rgb, stroke, type Canvas, type Colour } from './canvas.ts';
import { drawStamp } from './frame-stamp.ts';
import { write } from './lettering.ts';
import type { Match, Player } from './match.ts';

const WHITE = rgb(255, 255, 255);
const BLACK = rgb(0, 0, 0);
const PANEL = rgb(16, 20, 32);
const SKIN = rgb(224, 178, 148);
const HAIR = rgb(52, 38, 30);
const AMBER = rgb(255, 193, 7);
const KITS: Readonly<Record<Player['team'], { shirt: Colour; shorts: Colour }>> = {
  home: { shirt: rgb(211, 47, 47), shorts: rgb(245, 245, 245) },
  away: { shirt: rgb(33, 88, 200), shorts: rgb(20, 32, 80) },
  referee: { shirt: rgb(24, 24, 26), shorts: rgb(24, 24, 26) },
};
const KEEPER = rgb(255, 214, 0);
/** Steps a second of a runner. */
const STEPS = 2.5;
const FLASH_FRAMES = 3;
/** Right of the frame stamp. */
const FLASH = { x: 544, y: 16, width: 256, height: 64 } as const;

/** Draws frames one after the other into the same picture. */
export class MatchPicture {
  readonly canvas = createCanvas(PICTURE.width, PICTURE.height);
  readonly #stadium: Canvas;
  readonly #match: Match;
  readonly #fps: number;

  constructor(stadium: Canvas, match: Match, fps: number) {
    this.#stadium = stadium;
    this.#match = match;
    this.#fps = fps;
  }

  /** Draws a frame, counted from 0. */
  draw(frame: number): void {
    const time = frame / this.#fps;
    const left = windowFor(this.#match.view(time));
    copyWindow(this.#stadium, left, this.canvas);
    const ball = this.#match.ball(time);
    const players = this.#match.players(time).toSorted((a, b) => b.place.across - a.place.across);
    for (const [index, player] of players.entries()) {
      this.#drawPlayer(player, time + index * 0.13, left);
    }
    const ground = project(ball.along, ball.across);
    const size = 0.28 * ground.scale;
    const x = ground.x - left;
    disc(this.canvas, x, ground.y, size, BLACK, 0.35);
    disc(this.canvas, x, ground.y - (ball.height + 0.15) * ground.scale, size, WHITE, 1);
    this.#drawOverlay(frame);
  }

  #drawPlayer(player: Player, time: number, left: number): void {
    const { x: wide, y, scale } = project(player.place.along, player.place.across);
    const x = wide - left;
    const { canvas } = this;
    const kit = KITS[player.team];
    const shirt = player.isKeeper ? KEEPER : kit.shirt;
    const swing = 0.32 * Math.sin(2 * Math.PI * STEPS * time) * scale;
    const limb = (
      from: number,
      to: number,
      shift: number,
      radius: number,
      colour: Colour,
    ): void => {
      const line = { x0: x, y0: y - from * scale, x1: x + shift, y1: y - to * scale };
      stroke(canvas, { ...line, radius: radius * scale }, colour);
    };
    const shadow = { x0: x - 0.1 * scale, y0: y, x1: x + 0.8 * scale, y1: y + 1 };
    stroke(canvas, { ...shadow, radius: 0.22 * scale }, BLACK, 0.3);
    limb(0.85, 0.05, swing, 0.11, mix(SKIN, kit.shirt, 0.3));
    limb(0.85, 0.05, -swing, 0.11, SKIN);
    limb(0.95, 0.7, swing * 0.4, 0.2, kit.shorts);
    limb(0.95, 0.7, -swing * 0.4, 0.2, kit.shorts);
    limb(1.42, 0.95, -swing * 0.9, 0.09, SKIN);
    limb(1.42, 0.95, swing * 0.9, 0.09, SKIN);
    limb(1.4, 1.0, 0, 0.25, shirt);
    limb(1.74, 1.74, 0, 0.15, SKIN);
    limb(1.82, 1.82, 0, 0.12, HAIR);
  }

  #drawOverlay(frame: number): void {
    const { canvas } = this;
    drawStamp(canvas, frame);
    const isFlash = frame % this.#fps < FLASH_FRAMES;
    rectangle(canvas, FLASH, isFlash ? WHITE : BLACK);

    rectangle(canvas, { x: 16, y: 96, width: 512, height: 48 }, PANEL, 0.88);
    rectangle(canvas, { x: 16, y: 96, width: 10, height: 48 }, KITS.home.shirt);
    rectangle(canvas, { x: 322, y: 96, width: 10, height: 48 }, KITS.away.shirt);
    write(canvas, 'RED', { x: 42, y: 109, height: 22 }, WHITE);
    write(canvas, '2 - 1', { x: 122, y: 109, height: 22 }, AMBER);
    write(canvas, 'BLU', { x: 244, y: 109, height: 22 }, WHITE);
    write(canvas, clockText(frame, this.#fps), { x: 348, y: 109, height: 22 }, WHITE);

    rectangle(canvas, { x: 16, y: 656, width: 300, height: 48 }, PANEL, 0.88);
    const number = String(frame).padStart(6, '0');
    write(canvas, `FRAME ${number}`, { x: 32, y: 669, height: 22 }, WHITE);
  }
}

/** The clip's clock as minutes, seconds and hundredths: `01:23.40`. */
export function clockText(frame: number, fps: number): string {
  const hundredths = Math.floor((frame * 100) / fps);
  const two = (value: number): string => String(value).padStart(2, '0');
  const seconds = Math.floor(hundredths / 100);
  return `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}.${two(hundredths % 100)}`;
}

function disc(
  canvas: Canvas,
  x: number,
  y: number,
  radius: number,
  colour: Colour,
  alpha: number,
): void {
  stroke(canvas, { x0: x, y0: y, x1: x, y1: y, radius }, colour, alpha);
}

/** Copies the part of a wide picture that begins at an even column. */
function copyWindow(from: Canvas, left: number, to: Canvas): void {
  for (let y = 0; y < to.height; y++) {
    const start = y * from.width + left;
    to.luma.set(from.luma.subarray(start, start + to.width), y * to.width);
  }
  const width = to.width / 2;
  for (let y = 0; y < to.height / 2; y++) {
    const start = (y * from.width + left) / 2;
    to.cb.set(from.cb.subarray(start, start + width), y * width);
    to.cr.set(from.cr.subarray(start, start + width), y * width);
  }
}
