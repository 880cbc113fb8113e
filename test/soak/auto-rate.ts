/** The highest rate of the clock at which this machine keeps up. */

/** Rates that are tried, one after another, until one is too high. */
export const RATES = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16];

/** A pipeline keeps up when segments are published no later than this after their end, clock milliseconds. */
export const MOST_LAG_MS = 8_000;
/** In a short trial, clock milliseconds: what a long run brings besides needs spare time to catch up in. */
const MOST_TRIAL_LAG_MS = MOST_LAG_MS / 2;

/** Whether the lags of a trial, oldest first, are those of a pipeline that keeps up: neither late nor ever later. */
export function keepsUp(lags: readonly number[]): boolean {
  const half = Math.floor(lags.length / 2);
  const middle = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Infinity;
  const late = middle(lags.slice(half));
  // Half a segment more than before is the unrest of a busy machine.
  return late <= MOST_TRIAL_LAG_MS && late <= middle(lags.slice(0, half)) + 1_000;
}

/**
 * Tries rates upward.
 * @param lagsAt publishes at a rate for a while and gives the lags it saw
 * @returns the last rate that was kept up with; the lowest when none was
 */
export async function highestRate(
  lagsAt: (rate: number) => Promise<readonly number[]>,
): Promise<number> {
  let best = RATES[0] ?? 1;
  for (const rate of RATES) {
    if (!keepsUp(await lagsAt(rate))) {
      break;
    }
    best = rate;
  }
  return best;
}
