import { describe, expect, test } from '@jest/globals';
import { framesApart, type Shown } from '../../e2e/shown-together.ts';

const FPS = 30;
/** Three seconds of a picture so many frames behind another: when each frame is shown, of those that are. */
const shown = (behind: number, lateMs: (frame: number) => number | undefined): Shown =>
  Array.from({ length: 90 }, (_, frame) => frame).flatMap((frame) => {
    const late = lateMs(frame);
    return late === undefined
      ? []
      : [[(1000 * frame) / FPS + late, 100 + (frame - behind) / FPS] as const];
  });

describe('two pictures on one screen', () => {
  test.each([0, 1, 3])('are %i frames apart, whatever was lost or late', (behind) => {
    const first = shown(0, (frame) => (frame % 3 === 0 ? undefined : 0));
    const second = shown(behind, (frame) => (frame % 4 === 0 ? 0 : 150));
    const apart = framesApart(first, second, FPS);
    expect(apart).toHaveLength(6);
    expect(new Set(apart.map((frames) => Math.round(frames)))).toEqual(new Set([behind]));
  });

  test('of which one has shown nothing are not compared', () => {
    expect(
      framesApart(
        shown(0, () => 0),
        [],
        FPS,
      ),
    ).toEqual([]);
  });
});
