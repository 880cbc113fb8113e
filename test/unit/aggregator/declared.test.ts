import { describe, expect, test } from '@jest/globals';
import { boundOf, declare, firstDeclared, raise } from '../../../aggregator/declared.ts';
import type { Published } from '#common/contracts/segment';
import { gridOf, timeOfSegment } from '#common/grid';
import { milliseconds, segmentNumber } from '#common/time';
import { seeded } from '../../helpers/seeded.ts';
import { broadcastOf } from './segments-made.ts';

const broadcast = broadcastOf();
const grid = gridOf(broadcast.fps);

/** A segment with so many bytes in each rendition, published so many milliseconds after its end. */
function published(n: number, bytes: number, lagMs = 1_000): Published {
  return {
    broadcast: broadcast.broadcast,
    n: segmentNumber(n),
    at: milliseconds(timeOfSegment(grid, segmentNumber(n + 1)) + lagMs),
    fingerprint: '',
    taskHash: '',
    renditions: broadcast.renditions.map(({ id }) => ({
      rendition: id,
      bytes,
      sha256: '',
      initSha256: '',
    })),
  };
}

describe('declared rates', () => {
  test('begin at what the rate limit allows, and stay there while nothing is larger', () => {
    const first = firstDeclared(broadcast);
    const next = declare(broadcast, first, published(broadcast.broadcast, 100_000));
    for (const rendition of broadcast.renditions) {
      const bound = boundOf(grid, rendition);
      expect(first.rates[rendition.id]?.peak).toBe(bound);
      const most = rendition.kind === 'video' ? rendition.maxBitrateBps : rendition.bitrateBps;
      expect(bound).toBeGreaterThan(most);
      expect(bound).toBeLessThan(1.25 * most);
    }
    expect(next.rates['v720']?.peak).toBe(first.rates['v720']?.peak);
    expect(next.rates['v720']?.average).toBe(400_000);
  });

  test.each([1, 2, 3])('cover every segment, rise in steps and never fall (seed %d)', (seed) => {
    const random = seeded(seed);
    let declared = firstDeclared(broadcast);
    let changes = 0;
    for (let i = 0; i < 500; i += 1) {
      const bytes = Math.round(100_000 + random() * 3_000_000);
      const next = declare(broadcast, declared, published(broadcast.broadcast + i, bytes));
      for (const { id } of broadcast.renditions) {
        const before = declared.rates[id] ?? { peak: 0, average: 0 };
        const after = next.rates[id] ?? { peak: 0, average: 0 };
        expect(after.peak).toBeGreaterThanOrEqual(before.peak);
        expect(after.average).toBeGreaterThanOrEqual(before.average);
        expect(after.average).toBeLessThanOrEqual(after.peak);
      }
      expect(next.rates['v720']?.peak).toBeGreaterThanOrEqual(bytes * 4);
      changes += next.changedAt === declared.changedAt ? 0 : 1;
      declared = next;
    }
    expect(changes).toBeLessThan(60);
  });

  test('rise by whole steps of five per cent', () => {
    expect(raise(1_000_000, 1_000_000)).toBe(1_000_000);
    expect(raise(1_000_000, 1_000_001)).toBe(1_050_000);
    expect(raise(1_000_000, 1_050_001)).toBe(1_102_500);
  });
});

describe('declared lateness', () => {
  const lateness = (lags: readonly number[]): number =>
    lags.reduce(
      (declared, lag, i) =>
        declare(broadcast, declared, published(broadcast.broadcast + i, 1, lag)),
      firstDeclared(broadcast),
    ).lateMs;

  test('does not follow an accident', () => {
    expect(lateness([1_000, 9_000, 9_000, 1_000, 9_000])).toBe(1_500);
  });

  test('follows a pipeline that is late all the time, in steps of a quarter of a second, up to a bound', () => {
    expect(lateness(Array.from({ length: 3 }, () => 1_600))).toBe(1_750);
    expect(lateness(Array.from({ length: 300 }, () => 5_000))).toBe(5_000);
    expect(lateness(Array.from({ length: 300 }, () => 60_000))).toBe(16_000);
  });

  test('is what all of some segments in a row were later than', () => {
    expect(lateness([1_000, 9_000, 2_100, 1_900, 1_000])).toBe(2_000);
  });
});
