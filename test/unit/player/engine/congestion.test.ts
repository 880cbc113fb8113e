import { describe, expect, test } from '@jest/globals';
import { Congestion } from '../../../../player/engine/congestion.ts';

const FRAME = 1 / 30;
/** Fragments of 5 kB, thirty a second. */
const SENT = 5_000 * 8 * 30;

/** A fragment a frame, whole at once, so much later than usual. */
function madeLate(congestion: Congestion, late: (time: number) => number, seconds: number): number {
  let now = 100;
  for (; now < 100 + seconds; now += FRAME) {
    congestion.chunk({ at: now, bytes: 5_000, isHalf: false });
    congestion.fragment(now, late(now));
  }
  return now;
}

/** A way that carries so much: bytes of the next fragment follow those of the last without a pause. */
function throughNarrowWay(congestion: Congestion, bytesPerSecond: number, seconds: number): number {
  const chunk = 1_400;
  let now = 100;
  let pending = 0;
  for (; now < 100 + seconds; now += chunk / bytesPerSecond) {
    pending += chunk;
    const isWhole = pending >= 5_000;
    pending %= 5_000;
    congestion.chunk({ at: now, bytes: chunk, isHalf: pending > 0 });
    if (isWhole) {
      congestion.fragment(now, (now - 100) * 0.5);
    }
  }
  return now;
}

describe('congestion', () => {
  test('is a way that is never free while fragments come ever later', () => {
    const congestion = new Congestion();
    const now = throughNarrowWay(congestion, 60_000, 2);
    expect(congestion.late(now, SENT)).toBeGreaterThan(0.8);
    expect(congestion.flow(now, SENT)).toBeGreaterThan(60_000 * 8 * 0.85);
    expect(congestion.flow(now, SENT)).toBeLessThan(60_000 * 8 * 1.15);
  });

  test('is not what is made late', () => {
    const congestion = new Congestion();
    const now = madeLate(congestion, (time) => time - 100, 3);
    expect(congestion.late(now, SENT)).toBe(0);
    expect(congestion.flow(now, SENT)).toBeUndefined();
  });

  test('is not a way on which nothing is late, nor one on which lateness is made up for', () => {
    const calm = new Congestion();
    const after = throughNarrowWay(calm, 60_000, 1);
    calm.fragment(after + 0.3, -0.02);
    expect(calm.late(after + 0.31, SENT)).toBe(0);
    const catching = new Congestion();
    for (let i = 0; i < 40; i += 1) {
      catching.chunk({ at: 100 + i / 60, bytes: 30_000, isHalf: true });
      catching.fragment(100 + i / 60, 2 - i / 30);
    }
    expect(catching.late(100 + 39 / 60, SENT)).toBe(0);
  });

  test('is a large fragment that takes longer than it may, though small ones come whole', () => {
    const congestion = new Congestion();
    const now = madeLate(congestion, (time) => time - 100, 2);
    congestion.burst(now - 0.5, { bytes: 40_000, seconds: 0.004 });
    expect(congestion.late(now, SENT)).toBe(0);
    // Held up by the machine: nothing that the way here does is over so soon, and so slow.
    congestion.burst(now - 0.5, { bytes: 8_000, seconds: 0.055 });
    expect(congestion.late(now, SENT)).toBe(0);
    congestion.burst(now - 0.5, { bytes: 40_000, seconds: 0.4 });
    expect(congestion.late(now, SENT)).toBeGreaterThan(1.5);
    expect(congestion.flow(now, SENT)).toBeCloseTo(800_000, -3);
    congestion.burst(now, { bytes: 2_000, seconds: 1 });
    expect(congestion.flow(now, SENT)).toBeCloseTo(800_000, -3);
    expect(congestion.flow(now + 3, SENT)).toBeUndefined();
  });

  test('of another connection says nothing', () => {
    const congestion = new Congestion();
    const now = throughNarrowWay(congestion, 60_000, 2);
    congestion.forget();
    expect(congestion.late(now, SENT)).toBe(0);
    expect(congestion.flow(now, SENT)).toBeUndefined();
  });
});
