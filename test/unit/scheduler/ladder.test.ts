import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LADDER } from '#common/contracts/channel';
import { gridOf } from '#common/grid';
import { renditionSchema } from '#common/contracts/rendition';
import { levelOf, renditionsOf } from '../../../scheduler/plan/ladder.ts';

describe('a ladder', () => {
  test('is cut at the height of the source and ends with the sound', () => {
    const renditions = renditionsOf(DEFAULT_LADDER, { width: 1280, height: 720 }, gridOf('30'));
    expect(renditions.map(({ id }) => id)).toEqual(['v720', 'v480', 'v360', 'a128']);
    expect(renditions[0]).toMatchObject({ width: 1280, height: 720, codecs: 'avc1.64001f' });
    expect(renditions[1]).toMatchObject({ width: 854, height: 480 });
  });

  test('is the source’s own height where all its heights are above', () => {
    const renditions = renditionsOf(DEFAULT_LADDER, { width: 321, height: 181 }, gridOf('25'));
    expect(renditions.map(({ id }) => id)).toEqual(['v182', 'a128']);
    expect(renditions[0]).toMatchObject({ width: 322, height: 182, maxBitrateBps: 900_000 });
  });

  test('keeps the aspect of upright and wide sources, in even sizes the contract allows', () => {
    for (const [width, height] of [
      [1080, 1920],
      [2560, 1080],
      [720, 576],
      [4096, 100],
    ] as const) {
      for (const rendition of renditionsOf(DEFAULT_LADDER, { width, height }, gridOf('50'))) {
        renditionSchema.parse(rendition);
        if (rendition.kind === 'video') {
          expect(Math.abs(rendition.width / rendition.height / (width / height) - 1)).toBeLessThan(
            0.02,
          );
        }
      }
    }
  });
});

test.each([
  [640, 360, '30', 30],
  [854, 480, '30', 31],
  [1280, 720, '30', 31],
  [1280, 720, '60', 32],
  [1920, 1080, '30', 40],
  [1920, 1080, '60', 42],
  [3840, 2160, '30', 51],
  [3840, 2160, '60', 52],
] as const)('a picture of %i × %i at %s fps needs level_idc %i', (width, height, fps, level) => {
  expect(levelOf({ width, height, bitrateBps: 1_000_000 }, gridOf(fps))).toBe(level);
});
