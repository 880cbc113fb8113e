import { describe, expect, test } from '@jest/globals';
import { FPS_NAMES, gridOf, type FpsName } from '#common/grid';
import { detectFps, measureFps, type FpsEvidence } from '../../../ingest/mapping/fps-detector.ts';
import { seeded } from '../../helpers/seeded.ts';

/** Whole milliseconds of a steady feed, each moved by up to `jitter` to both sides. */
const times = (fps: number, seconds: number, jitter = 0, seed = 1): number[] => {
  const random = seeded(seed);
  return Array.from({ length: Math.ceil(fps * seconds) + 1 }, (_, n) =>
    Math.round((n * 1000) / fps + (random() * 2 - 1) * jitter),
  );
};
const NTSC = 1000 / 1001;
const evidence = (
  presentation: readonly number[],
  more: Partial<FpsEvidence> = {},
): FpsEvidence => ({
  metadata: undefined,
  sps: undefined,
  presentation,
  isInterlaced: false,
  ...more,
});

describe('the frame rate of a feed that declares none', () => {
  test.each(FPS_NAMES)('of %s is told from 4.2 s of whole milliseconds', (name) => {
    const { num, den } = gridOf(name);
    expect(detectFps(evidence(times(num / den, 4.2)))).toBe(name);
  });

  test('is not decided between two near ones before 4 s', () => {
    const presentation = times(30, 3.9);
    expect(detectFps(evidence(presentation))).toBeUndefined();
    expect(detectFps(evidence(presentation), true)).toBe('30');
  });

  test.each<[FpsName, number]>([
    ['25', 25],
    ['50', 50],
    ['25', 12.5],
  ])('of %s has no near one, and is told from the first second of %d', (name, fps) => {
    expect(detectFps(evidence(times(fps, 1)))).toBe(name);
  });

  test('counts frames that are missing', () => {
    const presentation = times(30, 5).filter((_, n) => n % 10 !== 4);
    expect(measureFps(presentation)).toBeCloseTo(30, 1);
  });

  test.each<[FpsName, number]>([
    ['50', 40],
    ['50', 45],
  ])('that fits no grid gets the nearest: %s for %d', (name, fps) => {
    expect(detectFps(evidence(times(fps, 1)))).toBeUndefined();
    expect(detectFps(evidence(times(fps, 5)))).toBe(name);
  });
});

describe('what a feed declares', () => {
  const near: readonly [FpsName, number][] = FPS_NAMES.map((name) => {
    const { num, den } = gridOf(name);
    return [name, num / den];
  });

  test.each(near)('is believed after a second if the timestamps agree: %s', (name, fps) => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const presentation = times(fps, 1, 8, seed);
      expect({ seed, fps: detectFps(evidence(presentation, { metadata: fps })) }).toEqual({
        seed,
        fps: name,
      });
      expect({ seed, fps: detectFps(evidence(presentation, { sps: fps })) }).toEqual({
        seed,
        fps: name,
      });
    }
  });

  test.each<[number, number, FpsName]>([
    [60, 30, '30'],
    [30, 60 * NTSC, '60000/1001'],
    [30, 60, '60'],
    [25, 50, '50'],
    [50, 25, '25'],
    [24, 25, '25'],
    [30, 24 * NTSC, '24000/1001'],
    [30, 25, '25'],
    [1000, 30, '30'],
    [1, 30 * NTSC, '30000/1001'],
    [0.001, 60, '60'],
    [29.5, 30, '30'],
  ])(
    'is not, as %d frames a second, against timestamps of %d: that is %s',
    (metadata, fps, name) => {
      for (const wrong of [{ metadata }, { sps: metadata }, { metadata, sps: metadata }]) {
        const first = detectFps(evidence(times(fps, 1), wrong));
        expect([name, undefined]).toContain(first);
        expect(detectFps(evidence(times(fps, 4.2), wrong))).toBe(name);
      }
    },
  );

  test('wrongly in the metadata and rightly in the parameter set costs no time', () => {
    const presentation = times(30 * NTSC, 1);
    expect(detectFps(evidence(presentation, { metadata: 60, sps: 30 * NTSC }))).toBe('30000/1001');
  });

  test('is all there is where nearly all pictures are missing', () => {
    const keyframes = [0, 2000, 4000, 6000];
    expect(detectFps(evidence(keyframes, { metadata: 30 }))).toBe('30');
    expect(detectFps(evidence([0], { metadata: 25 }))).toBeUndefined();
    expect(detectFps(evidence([0], { metadata: 25 }), true)).toBe('25');
    expect(detectFps(evidence([]), true)).toBe('30');
  });

  test('says nothing of a rate that varies: a phone at 29.6 on average is a feed of 30', () => {
    const random = seeded(7);
    let at = 0;
    const presentation = [0];
    while (at < 5000) {
      at += random() < 0.013 ? 67 : 33 + Math.round(random());
      presentation.push(at);
    }
    expect(
      detectFps(
        evidence(
          presentation.filter((time) => time < 1000),
          { metadata: 30 },
        ),
      ),
    ).toBe('30');
    expect(['30', '30000/1001']).toContain(detectFps(evidence(presentation)));
  });
});

describe('a feed slower than every grid', () => {
  test.each<[number, FpsName]>([
    [15, '30'],
    [15 * NTSC, '30000/1001'],
    [12.5, '25'],
    [12, '24'],
    [12 * NTSC, '24000/1001'],
    [10, '30'],
    [20, '60'],
    [50 / 3, '50'],
    [7.5, '30'],
    [5, '25'],
  ])('of %d frames a second gets a grid that repeats them evenly: %s', (fps, name) => {
    expect(detectFps(evidence(times(fps, 4.5)))).toBe(name);
    expect(detectFps(evidence(times(fps, 1.2), { metadata: fps }))).toBe(name);
  });
});

describe('a feed of fields', () => {
  test.each<[number, FpsName]>([
    [25, '50'],
    [30 * NTSC, '60000/1001'],
    [30, '60'],
    [24, '24'],
    [50, '50'],
  ])(
    'of %d frames a second is of %s, by timestamps and whichever way it is declared',
    (fps, name) => {
      const more = { isInterlaced: true };
      expect(detectFps(evidence(times(fps, 4.2), more))).toBe(name);
      for (const declared of [fps, 2 * fps]) {
        expect(detectFps(evidence(times(fps, 4.2), { ...more, metadata: declared }))).toBe(name);
      }
      expect(detectFps(evidence(times(fps, 1), { ...more, sps: fps }))).toBe(name);
    },
  );
});
