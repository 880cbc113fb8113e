import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LADDER } from '#common/contracts/channel';
import { FRAME_FLAGS } from '#common/contracts/log';
import { gridOf } from '#common/grid';
import { transcodeCores } from '#common/transcode-cost';
import { admit, costSourceOf } from '../../../scheduler/plan/admission.ts';
import { renditionsOf } from '../../../scheduler/plan/ladder.ts';
import { loadWarning } from '#common/load-warning';
import { frameIndex, segmentNumber } from '#common/time';
import type { SessionState } from '../../../scheduler/plan/state.ts';

const grid = gridOf('30');
const SOURCE = { width: 1920, height: 1080, keyframeFrames: 60 };
const LADDER = renditionsOf(DEFAULT_LADDER, SOURCE, grid);
const WHOLE = transcodeCores(LADDER, SOURCE, grid);

const admitted = (freeCores: number | null, isFixed = false) =>
  admit(LADDER, SOURCE, grid, { freeCores, isFixed });
const idsOf = (freeCores: number | null, isFixed = false): string[] =>
  admitted(freeCores, isFixed).renditions.map(({ id }) => id);

describe('a broadcast begins', () => {
  test('with its whole ladder where that fits, and where nothing is known of any worker', () => {
    expect(idsOf(WHOLE)).toEqual(['v1080', 'v720', 'v480', 'v360', 'a128']);
    expect(admitted(WHOLE).admission?.leftOut).toEqual([]);
    expect(idsOf(null)).toEqual(['v1080', 'v720', 'v480', 'v360', 'a128']);
    expect(admitted(null).admission).toBeUndefined();
  });

  test('without the dearest renditions where it does not fit, one after another, never without the last', () => {
    const costs = [1, 2, 3].map((first) => transcodeCores(LADDER.slice(first), SOURCE, grid));
    expect(costs.map((cost) => idsOf(cost)[0])).toEqual(['v720', 'v480', 'v360']);
    expect(costs.map((cost) => idsOf(cost - 0.01)[0])).toEqual(['v480', 'v360', 'v360']);
    expect(idsOf(0)).toEqual(['v360', 'a128']);
    expect(admitted(0).admission?.leftOut).toEqual(['v1080', 'v720', 'v480']);
  });

  test('with all of it where its owner insists', () => {
    expect(idsOf(0.1, true)).toEqual(['v1080', 'v720', 'v480', 'v360', 'a128']);
    expect(admitted(0.1, true).admission).toMatchObject({ leftOut: [], freeCores: 0.1 });
  });
});

describe('the cost', () => {
  test('is the same lying and standing, and rises with pixels, frames and slower presets', () => {
    const standing = { ...SOURCE, width: 1080, height: 1920 };
    const upright = renditionsOf(DEFAULT_LADDER, standing, grid);
    expect(transcodeCores(upright, standing, grid)).toBeCloseTo(WHOLE, 3);
    expect(transcodeCores(LADDER, SOURCE, gridOf('60'))).toBeGreaterThan(1.8 * WHOLE);
    const slow = renditionsOf({ ...DEFAULT_LADDER, preset: 'medium' }, SOURCE, grid);
    expect(transcodeCores(slow, SOURCE, grid)).toBeGreaterThan(1.8 * WHOLE);
  });

  test('counts what is decoded only to get to a segment from the key frame before it', () => {
    const far = transcodeCores(LADDER, { ...SOURCE, keyframeFrames: 250 }, grid);
    expect(far - WHOLE).toBeGreaterThan(0.2);
  });

  test('counts raw frames in low latency, where nothing is decoded twice', () => {
    const onTime = { ...SOURCE, isOnTime: true };
    const low = transcodeCores(LADDER, onTime, grid);
    expect(low - WHOLE).toBeGreaterThan(0.3);
    expect(transcodeCores(LADDER, { ...onTime, keyframeFrames: 250 }, grid)).toBe(low);
  });
});

test('the distance of key frames is that seen, and until a second one comes that of encoders by default', () => {
  const size = { width: 640, height: 360 };
  const session = (starts: readonly number[]): Pick<SessionState, 'video'> => ({
    video: Array.from({ length: 100 }, (_, seq) => ({
      seq,
      index: frameIndex(1000 + seq),
      chunk: segmentNumber(1),
      late: false,
      flags: starts.includes(seq) ? FRAME_FLAGS.start : 0,
    })),
  });
  expect(costSourceOf(size, session([0, 30, 75]), 'standard')).toEqual({
    width: 640,
    height: 360,
    keyframeFrames: 45,
    isOnTime: false,
  });
  expect(costSourceOf(size, session([0]), 'low').keyframeFrames).toBe(250);
});

describe('what is said of it', () => {
  test('is nothing where all fits', () => {
    expect(loadWarning({ neededCores: 1, takenCores: 1, freeCores: 1, leftOut: [] })).toBe(
      undefined,
    );
  });

  test('names what was left out, why, and what brings it back', () => {
    const admission = { neededCores: 1.97, takenCores: 1, freeCores: 1.4, leftOut: ['v1080'] };
    const warning = loadWarning(admission);
    expect(warning?.code).toBe('RENDITIONS_LEFT_OUT');
    expect(warning?.message).toMatch(/without v1080: .* 2\.0 cores, and 1\.4 were free/);
    expect(warning?.message).toMatch(/next broadcast .* more cores .* fixed ladder/);
  });

  test('warns who insisted', () => {
    const near = { neededCores: 0.92, takenCores: 0.92, freeCores: 0.88, leftOut: [] };
    expect(loadWarning(near)?.message).toMatch(/takes 0\.92 cores, and 0\.88 were free/);
    const heavy = { neededCores: 2, takenCores: 2, freeCores: 1.4, leftOut: [] };
    expect(loadWarning(heavy)).toMatchObject({ code: 'LADDER_TOO_HEAVY' });
  });
});
