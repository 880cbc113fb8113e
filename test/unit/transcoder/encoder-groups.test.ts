import { expect, test } from '@jest/globals';
import type { VideoRendition } from '#common/contracts/rendition';
import { gridOf } from '#common/grid';
import { encoderGroups } from '../../../transcoder/early/picture-commands.ts';

const SIZES = [
  { width: 640, height: 360 },
  { width: 1280, height: 720 },
  { width: 854, height: 480 },
] as const;

const ladder = (preset: VideoRendition['preset']): readonly VideoRendition[] =>
  SIZES.map(({ width, height }) => ({
    kind: 'video',
    id: `v${height}`,
    width,
    height,
    maxBitrateBps: 1_000_000,
    preset,
    codecs: 'avc1.64001f',
  }));

const groupsOf = (fps: '30' | '60', preset: VideoRendition['preset']): readonly string[][] =>
  encoderGroups(gridOf(fps), ladder(preset)).map((group) => group.map(({ id }) => id));

test('one process makes all where they take a small part of a frame, the largest first', () => {
  expect(groupsOf('30', 'ultrafast')).toEqual([['v720', 'v480', 'v360']]);
});

test('the largest has one of its own where all together would take too long for a frame', () => {
  expect(groupsOf('30', 'veryfast')).toEqual([['v720'], ['v480', 'v360']]);
  expect(groupsOf('60', 'ultrafast')).toEqual([['v720'], ['v480', 'v360']]);
});
