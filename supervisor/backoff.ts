/** How long to wait before a child is started again. */

/** Until a child is started again that ended for the first time. */
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 30_000;
/**
 * A child that ran for so long does not fail at its start, which takes a second or two: what is killed now and then waits the first delay
 * each time. Where each of two workers lives some seconds, longer and longer delays would leave none.
 */
const HEALTHY_AFTER_MS = 3_000;

/** Counts a child's ends in a row. */
export interface Backoff {
  /**
   * Notes an end.
   * @param ranForMs how long the child ran
   * @param firstDelayMs the first delay of a row
   * @returns milliseconds to wait, doubled with each end in a row; three healthy seconds start the row anew
   */
  readonly delayAfter: (ranForMs: number, firstDelayMs?: number) => number;
}

/** See {@link Backoff}. */
export function createBackoff(): Backoff {
  let endsInRow = 0;
  return {
    delayAfter: (ranForMs, firstDelayMs = FIRST_DELAY_MS) => {
      endsInRow = ranForMs >= HEALTHY_AFTER_MS ? 1 : endsInRow + 1;
      return Math.min(LONGEST_DELAY_MS, firstDelayMs * 2 ** Math.min(endsInRow - 1, 16));
    },
  };
}
