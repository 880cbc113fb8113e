import { describe, expect, test } from '@jest/globals';
import { partTarget } from '../../../aggregator/hls.ts';
import { LATENCY, partHoldBack } from '../../../aggregator/latency.ts';
import { divisionOf } from '#common/division';
import { FPS_NAMES, gridOf } from '#common/grid';

describe.each(FPS_NAMES)('at %s', (fps) => {
  const grid = gridOf(fps);
  const longestPart = (profile: 'low' | 'instant'): number =>
    Math.max(
      ...(['video', 'audio'] as const).map((kind) =>
        partTarget(grid, divisionOf(grid, profile), kind),
      ),
    );

  test('in low players of HLS, of DASH and our own stand where a takeover fits, within a tenth of a second', () => {
    const { target, min } = LATENCY.low;
    expect(target).toBe(min);
    const holdBack = partHoldBack('low', longestPart('low'));
    expect(holdBack).toBeLessThan(target);
    expect(holdBack).toBeGreaterThanOrEqual(target - 0.1);
  });

  test('in instant three part targets are what HLS needs', () => {
    const part = longestPart('instant');
    expect(partHoldBack('instant', part)).toBe(3 * part);
  });
});
