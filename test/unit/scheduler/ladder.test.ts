import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LADDER } from '#common/contracts/channel';
import { gridOf } from '#common/grid';
import { renditionSchema } from '#common/contracts/rendition';
import { levelOf, renditionsOf } from '../../../scheduler/plan/ladder.ts';

describe('a ladder', () => {
  test.each([
    ['standing', 1080, 1920, ['1080x1920', '720x1280', '480x854', '360x640']],
    ['lying', 1920, 1080, ['1920x1080', '1280x720', '854x480', '640x360']],
    ['square', 1080, 1080, ['1080x1080', '720x720', '480x480', '360x360']],
    ['very wide', 2560, 1080, ['2560x1080', '1706x720', '1138x480', '854x360']],
    ['a small phone, standing', 480, 854, ['480x854', '360x640']],
  ] as const)('counts the shorter edge of a picture that is %s', (_, width, height, sizes) => {
    const video = renditionsOf(DEFAULT_LADDER, { width, height }, gridOf('30')).filter(
      (rendition) => rendition.kind === 'video',
    );
    expect(video.map((rendition) => `${rendition.width}x${rendition.height}`)).toEqual(sizes);
    expect(video.map(({ id }) => id)).toEqual(
      ['v1080', 'v720', 'v480', 'v360'].slice(-sizes.length),
    );
    const [best] = video;
    expect(best?.maxBitrateBps).toBe(sizes.length === 4 ? 6_000_000 : 1_600_000);
  });

  test('is the shorter edge of the source where all its rungs are above, also of one that stands', () => {
    const renditions = renditionsOf(DEFAULT_LADDER, { width: 181, height: 321 }, gridOf('25'));
    expect(renditions[0]).toMatchObject({ id: 'v182', width: 182, height: 322 });
  });

  test('is cut at the shorter edge of the source and ends with the sound', () => {
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
  [720, 1280, '30', 31],
  [1080, 1920, '30', 40],
  // Few macroblocks, but a side longer than level 3.0 allows.
  [1856, 208, '25', 31],
] as const)('a picture of %i × %i at %s fps needs level_idc %i', (width, height, fps, level) => {
  expect(levelOf({ width, height, bitrateBps: 1_000_000 }, gridOf(fps))).toBe(level);
});
