import { describe, expect, test } from '@jest/globals';
import { gridOf } from '#common/grid';
import { initSegment, mediaFragment } from '#common/mp4/write';
import { audioProblems, readSegmentTiming, videoProblems } from '../../helpers/segment-timing.ts';

const grid = gridOf('30000/1001');
const N = 897_000_000;
const AAC_FRAMES_OF_N = 94;

const videoInit = initSegment([
  {
    kind: 'video',
    id: 1,
    timescale: grid.timescale,
    width: 640,
    height: 360,
    avcC: Buffer.from('0164001fffe1000867640028acb402a001000468ee3cb0', 'hex'),
  },
]);
const audioInit = initSegment([
  {
    kind: 'audio',
    id: 1,
    timescale: 48_000,
    rate: 48_000,
    channels: 2,
    config: Buffer.from([0x11, 0x90]),
  },
]);

function segment(
  decodeTime: number,
  count: number,
  duration: number,
  offsets: readonly number[],
): Buffer {
  const samples = Array.from({ length: count }, (_, i) => ({
    duration,
    isSync: i === 0,
    compositionOffset: offsets[i] ?? 0,
    data: Buffer.from([1, 2, 3]),
  }));
  return mediaFragment(1, [{ trackId: 1, decodeTime, samples }]).bytes;
}
const video = (n: number, shift = 0, count = 60, offsets: readonly number[] = []) =>
  readSegmentTiming(
    n,
    videoInit,
    segment(n * 60 * grid.frameTicks + shift, count, grid.frameTicks, offsets),
  );

describe('segments on the grid', () => {
  test('exact pictures have no problems, reordered ones neither', () => {
    const reordered = [0, grid.frameTicks, -grid.frameTicks];
    expect(videoProblems(grid, [video(N), video(N + 1, 0, 60, reordered)])).toEqual([]);
  });

  test.each([
    ['begins one tick late', video(N, 1)],
    ['lacks a frame', video(N, 0, 59)],
    ['shows two frames in one place', video(N, 0, 60, [0, -grid.frameTicks])],
  ])('a segment that %s is found out', (_, segmentTiming) => {
    expect(videoProblems(grid, [segmentTiming])).not.toEqual([]);
  });

  test('a missing number is found out', () => {
    expect(videoProblems(grid, [video(N), video(N + 2)])).toEqual([
      `segment ${N + 2} follows ${N}`,
    ]);
  });

  test('exact sound has no problems, sound of another place has', () => {
    const first = Math.ceil((N * grid.segmentSamples) / 1024);
    const sound = (frame: number) =>
      readSegmentTiming(N, audioInit, segment(frame * 1024, AAC_FRAMES_OF_N, 1024, []));
    expect(audioProblems(grid, [sound(first)])).toEqual([]);
    expect(audioProblems(grid, [sound(first + 1)])).not.toEqual([]);
  });
});
