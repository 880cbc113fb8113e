import { describe, expect, test } from '@jest/globals';
import { FPS_NAMES, gridOf } from '#common/grid';
import { detectFps, measureFps } from '../../../ingest/mapping/fps-detector.ts';

const times = (fps: number, seconds: number): number[] =>
  Array.from({ length: Math.ceil(fps * seconds) + 1 }, (_, n) => Math.round((n * 1000) / fps));

describe('the frame rate of a feed', () => {
  test.each(FPS_NAMES)('of %s is told from 4.2 s of whole milliseconds', (name) => {
    const { num, den } = gridOf(name);
    const presentation = times(num / den, 4.2);
    expect(detectFps({ metadata: undefined, sps: undefined, presentation })).toBe(name);
  });

  test('is not decided by timestamps before 4 s', () => {
    const presentation = times(30, 3.9);
    expect(detectFps({ metadata: undefined, sps: undefined, presentation })).toBeUndefined();
    expect(detectFps({ metadata: undefined, sps: undefined, presentation }, true)).toBe('30');
  });

  test('is the metadata’s if that is of the table, before anything else', () => {
    expect(detectFps({ metadata: 29.97, sps: 25, presentation: [] })).toBe('30000/1001');
    expect(detectFps({ metadata: 29.97002997, sps: 25, presentation: [] })).toBe('30000/1001');
    expect(detectFps({ metadata: 15, sps: 25, presentation: [] })).toBe('25');
  });

  test('is not the parameter set’s if the timestamps say otherwise', () => {
    const presentation = times(25, 5);
    expect(detectFps({ metadata: undefined, sps: 50, presentation })).toBe('25');
    expect(detectFps({ metadata: undefined, sps: 25, presentation })).toBe('25');
  });

  test('counts frames that are missing', () => {
    const presentation = times(30, 5).filter((_, n) => n % 10 !== 4);
    expect(measureFps(presentation)).toBeCloseTo(30, 1);
  });

  test('of a feed far off the table is the nearest', () => {
    const presentation = times(15, 5);
    expect(detectFps({ metadata: 15, sps: undefined, presentation })).toBe('24000/1001');
  });
});
