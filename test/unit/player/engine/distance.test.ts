import { describe, expect, test } from '@jest/globals';
import { Distance } from '../../../../player/engine/distance.ts';
import { seeded } from '../../../helpers/seeded.ts';

const FRAME = 1 / 30;
const OPTIONS = { margin: 0.1, fragment: FRAME, first: 0.5, least: 0 };

/** Tells of a fragment every frame. */
function feed(
  distance: Distance,
  [from, to]: readonly [number, number],
  lateness: (time: number) => number,
): void {
  for (let ended = from; ended < to; ended += FRAME) {
    distance.note('picture', { ended, at: ended + lateness(ended) });
  }
}

describe('the distance', () => {
  test('comes down to what fragments need, and stays a multiple of its step', () => {
    const distance = new Distance(OPTIONS);
    expect(distance.value).toBeGreaterThanOrEqual(0.5);
    feed(distance, [100, 130], () => 0.15);
    expect(distance.value).toBeGreaterThanOrEqual(0.15 + 0.1 + FRAME);
    expect(distance.value).toBeLessThan(0.15 + 0.1 + FRAME + 0.1);
    expect(distance.value / 0.04).toBeCloseTo(Math.round(distance.value / 0.04), 6);
  });

  test('is never less than is asked of players, and more where fragments need it', () => {
    const distance = new Distance({ ...OPTIONS, least: 1.4 });
    expect(distance.value).toBeCloseTo(1.4, 6);
    feed(distance, [100, 130], () => 0.15);
    expect(distance.value).toBeCloseTo(1.4, 6);
    feed(distance, [130, 140], () => 1.6);
    expect(distance.value).toBeGreaterThan(1.7);
    feed(distance, [140, 200], () => 0.15);
    expect(distance.value).toBeCloseTo(1.4, 6);
  });

  test('rises at once and falls slowly', () => {
    const distance = new Distance(OPTIONS);
    feed(distance, [100, 130], () => 0.15);
    const low = distance.value;
    distance.note('picture', { ended: 130, at: 130.45 });
    const high = distance.value;
    expect(high).toBeGreaterThan(low + 0.25);
    feed(distance, [130, 140], () => 0.15);
    expect(distance.value).toBe(high);
    feed(distance, [140, 175], () => 0.15);
    expect(distance.value).toBe(low);
  });

  test('is as before soon after an outage that lasted', () => {
    const distance = new Distance(OPTIONS);
    feed(distance, [100, 130], () => 0.15);
    const before = distance.value;
    feed(distance, [130, 135], () => 2);
    expect(distance.value).toBeGreaterThan(2);
    feed(distance, [135, 138], () => 0.15);
    expect(distance.value).toBeGreaterThan(1.8);
    feed(distance, [138, 141], () => 0.15);
    expect(distance.value).toBe(before);
  });

  test('is nearly as before soon after an outage that was caught up with slowly', () => {
    const distance = new Distance(OPTIONS);
    feed(distance, [100, 130], () => 0.15);
    const before = distance.value;
    feed(distance, [130, 135], (time) => Math.max(0.15, 1.4 - 0.25 * (time - 130)));
    feed(distance, [135, 141], () => 0.15);
    // The end of it is spread like any other.
    expect(distance.value).toBeLessThan(before + 0.2);
  });

  test('stays where lateness stays, though it began as an outage', () => {
    const distance = new Distance(OPTIONS);
    feed(distance, [100, 130], () => 0.15);
    feed(distance, [130, 170], () => 1.2);
    expect(distance.value).toBeGreaterThan(1.3);
  });

  test('is not changed by an outage, nor by the next', () => {
    const distance = new Distance(OPTIONS);
    feed(distance, [100, 130], () => 0.15);
    const before = distance.value;
    for (const at of [130, 150, 170]) {
      feed(distance, [at, at + 1], (time) => Math.max(0.15, 3 - (time - at) * 3));
      feed(distance, [at + 1, at + 20], () => 0.15);
    }
    feed(distance, [190, 250], () => 0.15);
    expect(distance.value).toBe(before);
  });

  test('follows a way that has become longer for good', () => {
    const distance = new Distance(OPTIONS);
    feed(distance, [100, 130], () => 0.15);
    feed(distance, [130, 160], () => 1.15);
    expect(distance.value).toBeGreaterThanOrEqual(1.15 + 0.1 + FRAME);
  });

  test('follows within some seconds when a track is late for good, however many fragments of the other come in time', () => {
    const distance = new Distance(OPTIONS);
    feed(distance, [100, 130], () => 0.15);
    for (let ended = 130; ended < 136; ended += FRAME) {
      distance.note('picture', { ended, at: ended + 1.9 });
      distance.note('sound', { ended, at: ended + 0.1 });
      distance.note('sound', { ended: ended + FRAME / 2, at: ended + FRAME / 2 + 0.1 });
    }
    expect(distance.value).toBeGreaterThanOrEqual(1.9 + 0.1 + FRAME);
  });

  test('is the same within a step for viewers who came at different times', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const shared = seeded(seed);
      const pipeline = Array.from({ length: 6000 }, () => 0.15 + 0.08 * shared() ** 4);
      const viewers = [100, 160].map((joined, viewer) => {
        const own = seeded(seed * 100 + viewer);
        const distance = new Distance(OPTIONS);
        feed(distance, [joined, 230], (time) => {
          const late = pipeline[Math.round((time - 100) / FRAME)] ?? 0.15;
          return late + 0.01 * own();
        });
        return distance.value;
      });
      const [a = 0, b = 0] = viewers;
      expect({ seed, isNear: Math.abs(a - b) < 0.041 }).toEqual({ seed, isNear: true });
    }
  });
});
