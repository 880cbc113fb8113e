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
    watch.placed(N, 'a');
    expect(watch.dueAt).toBe(Number.POSITIVE_INFINITY);
    tell(watch, 1, 1_000);
    expect(watch.dueAt).toBeCloseTo(1_166.7, 1);
    expect(watch.late(at(1_166))).toEqual([]);
    expect(watch.late(at(1_167))).toEqual([N]);
  });

  test('are not late while what they are made from has not come', () => {
    const watch = new PartWatch(grid, 'low');
    watch.placed(N, 'a');
    tell(watch, 1, 1_000);
    watch.made(N, 1, 'a', at(1_300));
    expect(watch.late(at(99_000))).toEqual([]);
    tell(watch, 2, 99_000);
    expect(watch.late(at(99_200))).toEqual([N]);
  });

  test('take with them what else their worker has, and it is left out until it is heard again, or for a while', () => {
    const watch = new PartWatch(grid, 'low');
    watch.placed(N, 'a');
    watch.placed(NEXT, 'a');
    tell(watch, 1, 1_000);
    expect(watch.late(at(1_200))).toEqual([N, NEXT]);
    expect([...watch.silent(at(1_200))]).toEqual(['a']);
    expect([...watch.silent(at(11_300))]).toEqual([]);
    watch.made(N, 1, 'a', at(1_300));
    expect([...watch.silent(at(1_300))]).toEqual([]);
  });

  test('are not asked for a third time before the second worker can have caught up', () => {
    const watch = new PartWatch(grid, 'low');
    watch.placed(N, 'a');
    tell(watch, 1, 1_000);
    expect(watch.late(at(1_200))).toEqual([N]);
    watch.placed(N, 'b');
    tell(watch, 2, 1_300);
    expect(watch.late(at(1_500))).toEqual([]);
    watch.made(N, 2, 'b', at(1_300));
    expect(watch.late(at(60_000))).toEqual([]);
  });

  test('are made twice for a few segments only: more work does not help workers that all are late', () => {
    const watch = new PartWatch(grid, 'low');
    const numbers = Array.from({ length: 9 }, (_, i) => segmentNumber(N + i));
    for (const n of numbers) {
      watch.placed(n, 'a');
    }
    tell(watch, 1, 1_000);
    expect(watch.late(at(1_200))).toEqual(numbers.slice(0, 4));
    expect(watch.late(at(3_000))).toEqual([]);
  });

  test('that were made, and segments that are made elsewhere, are never late', () => {
    const watch = new PartWatch(grid, 'low');
    watch.placed(N, 'a');
    tell(watch, 6, 1_000);
    watch.made(N, 6, 'a', at(1_300));
    expect(watch.late(at(9_000))).toEqual([]);
    watch.placed(NEXT, 'a');
    watch.forgetUpTo(NEXT);
    expect(watch.dueAt).toBe(Number.POSITIVE_INFINITY);
  });
});
