import { describe, expect, test } from '@jest/globals';
import { gridOf, firstFrame, firstSample } from '#common/grid';
import { frameIndex, milliseconds, samplePosition, segmentNumber } from '#common/time';
import { PartWatch } from '../../../scheduler/plan/part-watch.ts';

const grid = gridOf('30');
const N = segmentNumber(897_000_000);
const NEXT = segmentNumber(N + 1);
/** A third of a second, half of which a part may be late. */
const PART_FRAMES = 10;
const at = milliseconds;

/** Workers are told all that is needed for so many parts of `N`. */
function tell(watch: PartWatch, parts: number, now: number): void {
  const to = frameIndex(firstFrame(grid, N) + parts * PART_FRAMES);
  const heard = samplePosition(firstSample(grid, N) + parts * 16_000 + 8_000);
  watch.told({ t: 'pictures', broadcast: N, from: to, to, decode: null, shown: [] }, at(now));
  watch.told({ t: 'sound', broadcast: N, from: heard, to: heard, spans: [] }, at(now));
}

describe('parts on their way through workers', () => {
  test('are late half a part after workers were told all of them', () => {
    const watch = new PartWatch(grid, 'low');
    watch.placed(N, 'a', at(0));
    expect(watch.dueAt).toBe(Number.POSITIVE_INFINITY);
    tell(watch, 1, 1_000);
    expect(watch.dueAt).toBeCloseTo(1_166.7, 1);
    expect(watch.late(at(1_166))).toEqual([]);
    expect(watch.late(at(1_167))).toEqual([{ n: N, isLost: true }]);
  });

  test('are not late while what they are made from has not come', () => {
    const watch = new PartWatch(grid, 'low');
    watch.placed(N, 'a', at(0));
    tell(watch, 1, 1_000);
    watch.made(N, 1, 'a', at(1_100));
    expect(watch.late(at(99_000))).toEqual([]);
    tell(watch, 2, 99_000);
    expect(watch.late(at(99_200))).toEqual([{ n: N, isLost: true }]);
  });

  test('are not late before a worker that was given them late can have caught up', () => {
    const watch = new PartWatch(grid, 'low');
    tell(watch, 3, 1_000);
    watch.placed(N, 'a', at(5_000));
    expect(watch.late(at(5_699))).toEqual([]);
    expect(watch.late(at(5_701))).toEqual([{ n: N, isLost: true }]);
  });

  test('are lost with a worker that makes nothing, and what else it has with them', () => {
    const watch = new PartWatch(grid, 'low');
    watch.placed(N, 'a', at(0));
    watch.placed(NEXT, 'a', at(0));
    tell(watch, 1, 1_000);
    expect(watch.late(at(1_200))).toEqual([
      { n: N, isLost: true },
      { n: NEXT, isLost: true },
    ]);
    expect([...watch.silent(at(1_200))]).toEqual(['a']);
    expect([...watch.silent(at(11_300))]).toEqual([]);
    watch.made(N, 1, 'a', at(1_300));
    expect([...watch.silent(at(1_300))]).toEqual([]);
  });

  test('are late, not lost, with a worker that makes others', () => {
    const watch = new PartWatch(grid, 'low');
    watch.placed(N, 'a', at(0));
    watch.placed(NEXT, 'a', at(0));
    tell(watch, 1, 1_000);
    watch.made(NEXT, 1, 'a', at(1_100));
    expect(watch.late(at(1_200))).toEqual([{ n: N, isLost: false }]);
    expect(watch.silent(at(1_200)).size).toBe(0);
  });

  test('are made twice for a few segments only: more work does not help workers that all are late', () => {
    const watch = new PartWatch(grid, 'low');
    const numbers = Array.from({ length: 20 }, (_, i) => segmentNumber(N + i));
    for (const n of numbers) {
      watch.placed(n, 'a', at(0));
    }
    tell(watch, 1, 1_000);
    expect(watch.late(at(1_200)).map(({ n }) => n)).toEqual(numbers.slice(0, 12));
    expect(watch.late(at(3_000))).toEqual([]);
  });

  test('that were made, and segments that are made elsewhere, are never late', () => {
    const watch = new PartWatch(grid, 'low');
    watch.placed(N, 'a', at(0));
    tell(watch, 6, 1_000);
    watch.made(N, 6, 'a', at(1_100));
    expect(watch.late(at(9_000))).toEqual([]);
    watch.placed(NEXT, 'a', at(0));
    watch.forgetUpTo(NEXT);
    expect(watch.dueAt).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a segment stands still', () => {
  const slow = (): PartWatch => {
    const watch = new PartWatch(grid, 'low');
    watch.placed(N, 'a', at(1_000));
    watch.placed(NEXT, 'a', at(1_000));
    return watch;
  };

  test('from the last part of any on, when nothing goes on', () => {
    const watch = slow();
    watch.made(N, 2, 'a', at(2_000));
    expect(watch.standsStillSince(N)).toBe(2_000);
    expect(watch.standsStillSince(NEXT)).toBe(2_000);
  });

  test('from its own last part on, when a later one goes on instead', () => {
    const watch = slow();
    watch.made(N, 1, 'a', at(2_000));
    watch.made(NEXT, 1, 'a', at(5_000));
    expect(watch.standsStillSince(N)).toBe(2_000);
    expect(watch.standsStillSince(NEXT)).toBe(5_000);
  });

  test('for ever, when nobody has it', () => {
    expect(slow().standsStillSince(segmentNumber(N - 1))).toBe(0);
  });
});
