/** Percentiles of measured values. Pure. */

/**
 * The smallest value that so many per cent of all are not above (nearest rank).
 * @returns NaN when there is none
 */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).sort();
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

/** What is told of a distribution. */
export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly worst: number;
}

/** Its figures; NaN when there is no value. */
export const spreadOf = (values: readonly number[]): Spread => ({
  count: values.length,
  p50: percentile(values, 50),
  p95: percentile(values, 95),
  p99: percentile(values, 99),
  worst: percentile(values, 100),
});
