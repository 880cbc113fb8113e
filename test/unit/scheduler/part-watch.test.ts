import { describe, expect, test } from '@jest/globals';
import { gridOf, firstFrame, firstSample } from '#common/grid';
import { frameIndex, milliseconds, samplePosition, segmentNumber } from '#common/time';
import { PartWatch } from '../../../scheduler/plan/part-watch.ts';
import { WholeWatch } from '../../../scheduler/plan/whole-watch.ts';

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

/** A watch of workers that are heard at all times, but for those that are said to have been heard last at some time. */
function watching(
  lastHeard: Record<string, number> = {},
  gone: ReadonlySet<string> = new Set(),
): PartWatch {
  const lives = {
    lastHeard: (worker: string) => lastHeard[worker] ?? Number.POSITIVE_INFINITY,
    isAway: (worker: string) => gone.has(worker),
  };
  return new PartWatch(grid, 'low', lives, 0.5);
}

describe('parts on their way through workers', () => {
  test('are late half a part after workers were told all of them', () => {
    const watch = watching();
    watch.placed(N, 'a', at(-1_000));
    expect(watch.dueAt).toBe(Number.POSITIVE_INFINITY);
    tell(watch, 1, 1_000);
    expect(watch.dueAt).toBeCloseTo(1_166.7, 1);
    expect(watch.late(at(1_166))).toEqual([]);
    expect(watch.late(at(1_167))).toMatchObject([{ n: N, isLost: false }]);
  });

  test('hang once nothing of their segment has come for a while; before that they are slow', () => {
    const watch = watching();
    watch.placed(N, 'a', at(-1_000));
    tell(watch, 2, 1_000);
    watch.made(N, 1, at(1_100));
    expect(watch.late(at(1_300))).toEqual([
      { n: N, isLost: false, isAbandoned: false, isHung: false },
    ]);
    expect(watch.dueAt).toBe(3_100);
    // The smallest picture goes on.
    watch.made(N, 1, at(1_800), 2);
    expect(watch.late(at(3_100))).toEqual([
      { n: N, isLost: false, isAbandoned: false, isHung: false },
    ]);
    expect(watch.dueAt).toBe(3_800);
    expect(watch.late(at(3_800))).toEqual([
      { n: N, isLost: false, isAbandoned: false, isHung: true },
    ]);
  });

  test('are not late while what they are made from has not come', () => {
    const watch = watching();
    watch.placed(N, 'a', at(-1_000));
    tell(watch, 1, 1_000);
    watch.made(N, 1, at(1_100));
    expect(watch.late(at(99_000))).toEqual([]);
    tell(watch, 2, 99_000);
    expect(watch.late(at(99_200))).toMatchObject([{ n: N, isLost: false }]);
  });

  test('are not late before a worker that was given them late can have caught up', () => {
    const watch = watching();
    tell(watch, 3, 1_000);
    watch.placed(N, 'a', at(5_000));
    expect(watch.late(at(6_199))).toEqual([]);
    expect(watch.late(at(6_201))).toMatchObject([{ n: N, isLost: false }]);
  });

  test('are lost with a worker that is silent, and what else it has with them, before any is late', () => {
    const heard = { a: 1_000 };
    const watch = watching(heard);
    watch.placed(N, 'a', at(0));
    watch.placed(NEXT, 'a', at(0));
    watch.placed(segmentNumber(N + 2), 'b', at(0));
    expect(watch.dueAt).toBe(2_000);
    expect(watch.late(at(1_999))).toEqual([]);
    expect(watch.late(at(2_000))).toMatchObject([
      { n: N, isLost: true },
      { n: NEXT, isLost: true },
    ]);
    expect([...watch.silent(at(2_000))]).toEqual(['a']);
    heard.a = 2_100;
    expect([...watch.silent(at(2_100))]).toEqual([]);
  });

  test('are lost at once with a worker that has gone, although it was heard just now', () => {
    const heard = { a: 1_000 };
    const gone = new Set<string>();
    const watch = watching(heard, gone);
    watch.placed(N, 'a', at(900));
    expect(watch.late(at(1_010))).toEqual([]);
    expect(watch.isAlive(N, at(1_010))).toBe(true);
    gone.add('a');
    // Its last sign of life may come after the news of its end.
    heard.a = 1_015;
    expect(watch.dueAt).toBeLessThanOrEqual(1_020);
    expect(watch.isAlive(N, at(1_020))).toBe(false);
    expect(watch.late(at(1_020))).toMatchObject([{ n: N, isLost: true }]);
    heard.a = 1_025;
    expect([...watch.silent(at(1_030))]).toEqual(['a']);
    gone.delete('a');
    expect([...watch.silent(at(1_040))]).toEqual([]);
  });

  test('are lost at once also where they were late before, and nobody helped', () => {
    const watch = watching({ a: 1_100 });
    watch.placed(N, 'a', at(0));
    tell(watch, 1, 1_000);
    expect(watch.late(at(1_300))).toMatchObject([{ n: N, isLost: false }]);
    expect(watch.dueAt).toBe(2_100);
    expect(watch.late(at(2_100))).toMatchObject([{ n: N, isLost: true }]);
  });

  test('are lost no more once another has them, and again if that one is silent too', () => {
    const heard: Record<string, number> = { a: 1_000, b: 0 };
    const watch = watching(heard);
    watch.placed(N, 'a', at(0));
    expect(watch.late(at(2_000))).toHaveLength(1);
    watch.placed(N, 'b', at(2_010));
    expect(watch.late(at(3_000))).toEqual([]);
    expect(watch.dueAt).toBe(3_010);
    expect(watch.late(at(3_010))).toMatchObject([{ n: N, isLost: true }]);
    expect([...watch.silent(at(3_010))]).toEqual(['a', 'b']);
  });

  test('are asked for again soon, when there was no worker for them', () => {
    const watch = watching({ a: 1_000 });
    watch.placed(N, 'a', at(0));
    expect(watch.late(at(2_000))).toHaveLength(1);
    expect(watch.late(at(2_099))).toEqual([]);
    expect(watch.dueAt).toBe(2_100);
    expect(watch.late(at(2_100))).toHaveLength(1);
  });

  test('are lost while no worker has had them, and are asked for until one has', () => {
    const watch = watching();
    watch.wanted(N, at(0));
    expect(watch.underWay).toBe(1);
    expect(watch.late(at(99))).toEqual([]);
    expect(watch.dueAt).toBe(100);
    for (let asked = 1; asked <= 50; asked += 1) {
      expect(watch.late(at(asked * 100))).toMatchObject([{ n: N, isLost: true }]);
    }
    watch.placed(N, 'a', at(5_010));
    expect(watch.late(at(5_100))).toEqual([]);
  });

  test('are wanted no more, and nobody’s, once they are whole or made elsewhere', () => {
    const watch = watching();
    watch.placed(N, 'a', at(0));
    watch.made(N, 6, at(100));
    watch.wanted(N, at(110));
    watch.placed(N, 'b', at(120));
    watch.placed(NEXT, 'a', at(0));
    watch.forget(NEXT);
    watch.wanted(NEXT, at(110));
    watch.placed(NEXT, 'b', at(120));
    expect(watch.underWay).toBe(0);
    expect(watch.dueAt).toBe(Number.POSITIVE_INFINITY);
  });

  test('are asked for as often as it takes when their workers died, however many died lately', () => {
    const gone = new Set<string>(['a']);
    const watch = watching({ a: 0 }, gone);
    const numbers = Array.from({ length: 14 }, (_, i) => segmentNumber(N + i));
    for (const n of numbers) {
      watch.placed(n, 'a', at(0));
    }
    expect(watch.late(at(100)).map(({ n }) => n)).toEqual(numbers);
    expect(watch.late(at(200)).map(({ n }) => n)).toEqual(numbers);
  });

  test('leave a silent worker out for a while only', () => {
    const watch = watching({ a: 1_000 });
    watch.placed(N, 'a', at(0));
    watch.late(at(2_000));
    watch.forget(N);
    expect(watch.silent(at(11_999)).size).toBe(1);
    expect(watch.silent(at(12_000)).size).toBe(0);
  });

  test('are lost at once with a worker that could not make them', () => {
    const watch = watching();
    watch.placed(N, 'a', at(0));
    watch.placed(NEXT, 'a', at(0));
    watch.gaveUp(N, 'a');
    expect([...watch.failed(N)]).toEqual(['a']);
    expect(watch.late(at(10))).toMatchObject([{ n: N, isLost: true }]);
    expect(watch.silent(at(10)).size).toBe(0);
  });

  test('are not given to worker after worker when all fail', () => {
    const watch = watching();
    for (const [i, worker] of ['a', 'b', 'a', 'b'].entries()) {
      watch.placed(N, worker, at(i * 1_000));
      watch.gaveUp(N, worker);
      if (i < 3) {
        expect(watch.late(at(i * 1_000 + 500))).toMatchObject([{ n: N, isLost: true }]);
      }
    }
    expect(watch.late(at(9_000))).toEqual([]);
    expect(watch.dueAt).toBe(Number.POSITIVE_INFINITY);
  });

  test('are made twice for a few segments only: more work does not help workers that all are late', () => {
    const watch = watching();
    const numbers = Array.from({ length: 20 }, (_, i) => segmentNumber(N + i));
    for (const n of numbers) {
      watch.placed(n, 'a', at(0));
      watch.gaveUp(n, 'a');
    }
    expect(watch.late(at(1_200)).map(({ n }) => n)).toEqual(numbers.slice(0, 12));
    expect(watch.late(at(3_000))).toEqual([]);
  });

  test('that were made, and segments that are made elsewhere, are never late', () => {
    const watch = watching();
    watch.placed(N, 'a', at(0));
    tell(watch, 6, 1_000);
    watch.made(N, 6, at(1_100));
    expect(watch.late(at(9_000))).toEqual([]);
    watch.placed(NEXT, 'a', at(0));
    watch.forget(NEXT);
    expect(watch.dueAt).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a worker lives', () => {
  test('for two seconds after it was heard last: it may wait for a core', () => {
    const watch = watching({ a: 1_000 });
    watch.placed(N, 'a', at(0));
    watch.late(at(2_000));
    expect(watch.isAlive(N, at(2_999))).toBe(true);
    expect(watch.isAlive(N, at(3_000))).toBe(false);
  });

  test('no longer when it has failed, and not at all where there is none', () => {
    const watch = watching();
    watch.placed(N, 'a', at(0));
    watch.gaveUp(N, 'a');
    expect(watch.isAlive(N, at(1))).toBe(false);
    expect(watch.isAlive(NEXT, at(1))).toBe(false);
  });
});

describe('a segment stands still', () => {
  const slow = (): PartWatch => {
    const watch = watching();
    watch.placed(N, 'a', at(1_000));
    watch.placed(NEXT, 'a', at(1_000));
    return watch;
  };

  test('from the last part of any on, when nothing goes on', () => {
    const watch = slow();
    watch.made(N, 2, at(2_000));
    expect(watch.standsStillSince(N)).toBe(2_000);
    expect(watch.standsStillSince(NEXT)).toBe(2_000);
  });

  test('from its own last part on, when a later one goes on instead', () => {
    const watch = slow();
    watch.made(N, 1, at(2_000));
    watch.made(NEXT, 1, at(5_000));
    expect(watch.standsStillSince(N)).toBe(2_000);
    expect(watch.standsStillSince(NEXT)).toBe(5_000);
  });

  test('from when it was whole on', () => {
    const watch = slow();
    watch.made(N, 6, at(7_000));
    watch.made(NEXT, 1, at(8_000));
    expect(watch.standsStillSince(N)).toBe(7_000);
  });

  test('for ever, when nobody has it', () => {
    expect(slow().standsStillSince(segmentNumber(N - 1))).toBe(0);
  });
});

describe('how late work is', () => {
  test('is told by the parts that are made, whatever one segment hangs', () => {
    const watch = watching();
    watch.placed(N, 'a', at(-1_000));
    watch.placed(NEXT, 'b', at(-1_000));
    tell(watch, 6, 1_000);
    watch.made(N, 1, at(1_900));
    expect(watch.lateness(at(2_000))).toEqual({
      lateMs: 900,
      leastLateMs: 900,
      takenOverAt: undefined,
    });
    watch.made(N, 2, at(2_100));
    expect(watch.lateness(at(2_200)).lateMs).toBe(1_100);
  });

  test('is told of the smallest picture by itself, and what lacks it is counted by itself', () => {
    const watch = watching();
    watch.placed(N, 'a', at(-1_000));
    tell(watch, 6, 1_000);
    watch.made(N, 0, at(1_050), 5);
    expect(watch.leastUnderWay).toBe(1);
    watch.made(N, 1, at(1_900), 6);
    watch.made(N, 2, at(2_500), 6);
    expect(watch.lateness(at(2_500))).toMatchObject({ lateMs: 1_500, leastLateMs: 900 });
    expect([watch.leastUnderWay, watch.underWay]).toEqual([0, 1]);
  });

  test('is told of a broadcast that begins as of one whose segment was taken over', () => {
    const watch = watching();
    watch.placed(N, 'a', at(300));
    watch.begins(at(300));
    expect(watch.lateness(at(500)).takenOverAt).toBe(at(300));
  });

  test('counts a larger picture that is waited for while the smallest goes on, before any part of it has come', () => {
    const watch = watching();
    watch.placed(N, 'a', at(-1_000));
    tell(watch, 6, 1_000);
    watch.made(N, 0, at(1_100), 1);
    watch.made(N, 0, at(3_400), 4);
    expect(watch.lateness(at(3_500))).toMatchObject({ lateMs: 2_500, leastLateMs: 2_400 });
    expect(watch.unfinished).toBe(N);
  });

  test('is told by what is waited for where nobody goes on', () => {
    const watch = watching();
    watch.placed(N, 'a', at(0));
    tell(watch, 1, 1_000);
    watch.made(N, 1, at(1_100));
    expect(watch.lateness(at(2_000)).lateMs).toBe(100);
    expect(watch.lateness(at(3_000)).lateMs).toBe(0);
    tell(watch, 2, 3_000);
    expect(watch.lateness(at(5_500)).lateMs).toBe(2_500);
  });

  test('says when a segment was taken over from a worker that was lost', () => {
    const watch = watching({ a: 1_000 });
    watch.placed(N, 'a', at(0));
    expect(watch.late(at(2_000))).toHaveLength(1);
    expect(watch.lateness(at(2_100)).takenOverAt).toBe(2_000);
  });
});

describe('how late whole segments are', () => {
  const open = new Set<number>();
  const isOpen = (n: number): boolean => open.has(n);
  const give = (watch: WholeWatch, n: number, now: number): void => {
    open.add(n);
    watch.gave(segmentNumber(n), at(now));
  };

  test('is told by those that are finished, whatever one hangs, and by the oldest where none is', () => {
    const watch = new WholeWatch();
    give(watch, 1, 0);
    give(watch, 2, 2_000);
    give(watch, 3, 4_000);
    expect(watch.lateness(grid, at(3_000), isOpen).lateMs).toBe(3_000);
    open.delete(2);
    expect(watch.lateness(grid, at(5_000), isOpen).lateMs).toBe(3_000);
    open.delete(3);
    expect(watch.lateness(grid, at(5_500), isOpen).lateMs).toBe(1_500);
    expect(watch.lateness(grid, at(9_000), isOpen).lateMs).toBe(1_500);
    expect(watch.lateness(grid, at(10_000), isOpen).lateMs).toBe(10_000);
  });
});
