import { describe, expect, test } from '@jest/globals';
import { createCanvas, rgb } from '../../../demo/canvas.ts';
import { drawStamp } from '../../../demo/frame-stamp.ts';
import { createMatch } from '../../../demo/match.ts';
import { clockText, MatchPicture } from '../../../demo/picture.ts';
import { PANORAMA } from '../../../demo/camera.ts';
import { flashPatch, meanOf, readStamp } from '../../helpers/frame-stamp.ts';

const AREA = { x: 0, y: 0, width: 1280, height: 720 };
const WHOLE_MATCH = 64;

describe('the demo’s picture', () => {
  test.each([0, 1, 29, 3_599, 0xabcdef, 0xffffff])('bears frame number %i', (frame) => {
    const canvas = createCanvas(AREA.width, AREA.height);
    drawStamp(canvas, frame);
    const plane = { width: AREA.width, height: AREA.height, data: canvas.luma };
    expect(readStamp(plane, AREA)).toBe(frame);
  });

  test('flashes white on the second and is dark in between', () => {
    const stadium = createCanvas(PANORAMA.width, PANORAMA.height);
    const picture = new MatchPicture(stadium, createMatch(WHOLE_MATCH), 30);
    const flash = (frame: number): number => {
      picture.draw(frame);
      const plane = { width: AREA.width, height: AREA.height, data: picture.canvas.luma };
      expect(readStamp(plane, AREA)).toBe(frame);
      return meanOf(plane, flashPatch(AREA));
    };
    expect([60, 61, 62].map(flash)).toEqual([235, 235, 235]);
    expect([59, 63, 75].map(flash)).toEqual([16, 16, 16]);
  });

  test('shows the clip’s time', () => {
    expect(clockText(0, 30)).toBe('00:00.00');
    expect(clockText(30 * 83 + 12, 30)).toBe('01:23.40');
  });

  test('keeps colours in the limited range', () => {
    expect(rgb(255, 255, 255).y).toBeCloseTo(235, 6);
    expect(rgb(0, 0, 0).y).toBeCloseTo(16, 6);
    expect(rgb(255, 0, 0).v).toBeCloseTo(240, 1);
    expect(rgb(0, 0, 255).u).toBeCloseTo(240, 1);
  });
});

describe('the match', () => {
  const match = createMatch(WHOLE_MATCH);

  test('ends where it began, so that the loop has no seam', () => {
    const begin = match.players(0);
    const end = match.players(WHOLE_MATCH);
    for (const [index, player] of end.entries()) {
      expect(player.place.along).toBeCloseTo(begin[index]?.place.along ?? Infinity, 6);
      expect(player.place.across).toBeCloseTo(begin[index]?.place.across ?? Infinity, 6);
    }
    expect(match.ball(WHOLE_MATCH).along).toBeCloseTo(match.ball(0).along, 6);
    expect(match.view(WHOLE_MATCH)).toBeCloseTo(match.view(0), 6);
  });

  test('lets nobody run faster than a sprinter', () => {
    const step = 0.25;
    let fastest = 0;
    for (let time = 0; time < WHOLE_MATCH; time += step) {
      const before = match.players(time);
      for (const [index, { place }] of match.players(time + step).entries()) {
        const from = before[index]?.place ?? place;
        const metres = Math.hypot(place.along - from.along, place.across - from.across);
        fastest = Math.max(fastest, metres / step);
      }
    }
    expect(fastest).toBeGreaterThan(3);
    expect(fastest).toBeLessThan(10);
  });
});
