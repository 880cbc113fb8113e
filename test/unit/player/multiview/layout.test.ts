import { describe, expect, test } from '@jest/globals';
import {
  GAP,
  arrange,
  neighbour,
  type Arrangement,
  type Box,
} from '../../../../player/multiview/layout.ts';

const WIDE = { width: 1392, height: 700 };
const UPRIGHT = { width: 390, height: 608 };
const ROOMS = [WIDE, UPRIGHT, { width: 844, height: 390 }, { width: 2560, height: 1300 }];

const overlaps = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

const columnsOf = ({ boxes }: Arrangement): number => new Set(boxes.map(({ x }) => x)).size;

describe('the arrangement of pictures', () => {
  for (const room of ROOMS) {
    for (const count of [2, 3, 4]) {
      test.each([undefined, ...Array.from({ length: count }, (_, i) => i)])(
        `of ${count} in ${room.width}x${room.height} fits and overlaps nothing, large: %s`,
        (large) => {
          const { boxes, width, height } = arrange(count, room, large);
          expect(boxes).toHaveLength(count);
          expect(width).toBeLessThanOrEqual(room.width);
          expect(height).toBeLessThanOrEqual(room.height);
          boxes.forEach((box, i) => {
            expect(box.x).toBeGreaterThanOrEqual(0);
            expect(box.y).toBeGreaterThanOrEqual(0);
            expect(box.x + box.width).toBeLessThanOrEqual(width);
            expect(box.y + box.height).toBeLessThanOrEqual(height);
            expect(Math.abs(box.width / box.height - 16 / 9)).toBeLessThan(0.03);
            expect(boxes.slice(i + 1).some((other) => overlaps(box, other))).toBe(false);
          });
        },
      );
    }
  }

  test('puts two beside each other where it is wide, and one above the other where it is upright', () => {
    expect(columnsOf(arrange(2, WIDE))).toBe(2);
    expect(columnsOf(arrange(2, UPRIGHT))).toBe(1);
  });

  test('puts four in two rows where it is wide; three likewise, the last in the middle', () => {
    expect(columnsOf(arrange(4, WIDE))).toBe(2);
    const { boxes, width } = arrange(3, WIDE);
    const last = boxes[2] ?? { x: 0, width: 0 };
    expect(Math.abs(last.x + last.width / 2 - width / 2)).toBeLessThanOrEqual(1);
  });

  test('makes one large beside the others, or above them, which keep their order', () => {
    for (const room of [WIDE, UPRIGHT]) {
      const { boxes } = arrange(4, room, 2);
      const small = boxes.filter((_, i) => i !== 2);
      expect(boxes[2]?.width).toBeGreaterThan(2.5 * (small[0]?.width ?? 0));
      expect(boxes[2]?.width).toBeGreaterThan(1.2 * (arrange(4, room).boxes[0]?.width ?? 0));
      const places = small.map(({ x, y }) => x + y * 10_000);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
    }
  });

  test('leaves room for nothing less than nothing', () => {
    const { boxes } = arrange(4, { width: GAP, height: 0 });
    expect(boxes.every(({ width, height }) => width === 0 && height === 0)).toBe(true);
  });
});

describe('the way from picture to picture', () => {
  test('goes to the next one in the direction, and stays where there is none', () => {
    const { boxes } = arrange(4, WIDE);
    expect(neighbour(boxes, 0, 'right')).toBe(1);
    expect(neighbour(boxes, 0, 'down')).toBe(2);
    expect(neighbour(boxes, 3, 'left')).toBe(2);
    expect(neighbour(boxes, 3, 'up')).toBe(1);
    expect(neighbour(boxes, 3, 'right')).toBe(3);
    expect(neighbour([], 0, 'up')).toBe(0);
  });

  test('reaches each of three, and each beside a large one', () => {
    const three = arrange(3, WIDE).boxes;
    expect([neighbour(three, 0, 'down'), neighbour(three, 1, 'down')]).toEqual([2, 2]);
    expect(neighbour(three, 2, 'right')).toBe(1);
    const large = arrange(4, WIDE, 1).boxes;
    expect(large.map((_, i) => neighbour(large, i, 'left')).filter((i) => i === 1)).toHaveLength(4);
    expect([0, 2].map((i) => neighbour(large, i, 'down'))).toEqual([2, 3]);
  });
});
