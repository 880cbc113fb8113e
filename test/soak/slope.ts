/** How fast a quantity grows: robust against the saw teeth of a garbage collector. Pure. */

/** A value at a time. */
export interface Point {
  /** Minutes. */
  readonly at: number;
  readonly value: number;
}

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  return (lower + upper) / 2;
};

/**
 * The lowest point of each window: what remains after a collection. A last window that is cut short does not count,
 * unless it is the only one.
 * @param window minutes
 */
export function floorOf(points: readonly Point[], window: number): Point[] {
  const first = points[0]?.at ?? 0;
  const last = points.at(-1)?.at ?? 0;
  const whole = Math.max(1, Math.floor((last - first) / window + 1e-9));
  const lowest: Point[] = [];
  for (const point of points) {
    const index = Math.floor((point.at - first) / window);
    const known = lowest[index];
    if (index < whole && (known === undefined || point.value < known.value)) {
      lowest[index] = point;
    }
  }
  return lowest.filter((point) => point !== undefined);
}

/** Theil–Sen: the median of the slopes of all pairs, a minute; 0 for fewer than two points. */
export function slopeOf(points: readonly Point[]): number {
  const slopes: number[] = [];
  for (const [i, a] of points.entries()) {
    for (const b of points.slice(i + 1)) {
      if (b.at > a.at) {
        slopes.push((b.value - a.value) / (b.at - a.at));
      }
    }
  }
  return slopes.length === 0 ? 0 : median(slopes);
}

/** The points from `from` minutes on: what comes before is warming up. */
export const since = (points: readonly Point[], from: number): Point[] =>
  points.filter(({ at }) => at >= from);

/** The least value of the first and of the last third: whether the ground rises under something that comes and goes. */
export function ground(points: readonly Point[]): {
  readonly early: number;
  readonly late: number;
} {
  const third = Math.max(1, Math.floor(points.length / 3));
  const least = (part: readonly Point[]): number => Math.min(...part.map(({ value }) => value));
  return { early: least(points.slice(0, third)), late: least(points.slice(-third)) };
}

/** The middle value; 0 of nothing. */
export const medianOf = (points: readonly Point[]): number =>
  median(points.map(({ value }) => value));
