import { describe, expect, test } from '@jest/globals';
import { framesApart, type Shown } from '../../e2e/shown-together.ts';

const FPS = 30;
/** Frames of a picture so many frames behind another, without those that did not reach the screen. */
const shown = (behind: number, isLost: (frame: number) => boolean): Shown =>
  Array.from({ length: 90 }, (_, frame) => frame)
    .filter((frame) => !isLost(frame))
    .map((frame) => [(1000 * frame) / FPS, 100 + (frame - behind) / FPS] as const);
const rounded = (apart: readonly number[]): Set<number> =>
  new Set(apart.map((frames) => Math.round(frames)));

describe('two pictures on one screen', () => {
  test.each([0, 1, 3])('are %i frames apart, whichever of their frames were lost', (behind) => {
    const first = shown(0, (frame) => frame % 3 === 0);
    const second = shown(behind, (frame) => frame > 30 && frame < 50);
    const apart = framesApart(first, second, FPS);
    expect(apart).toHaveLength(60);
    expect(rounded(apart)).toEqual(new Set([behind]));
  });

  test('of which one has shown nothing are not compared', () => {
    expect(
      framesApart(
        shown(0, () => false),
        [],
        FPS,
      ),
    ).toEqual([]);
  });
});
