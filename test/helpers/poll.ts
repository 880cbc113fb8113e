/** Waiting for a condition by asking again: for state that can only be read over HTTP or from a process. */
import { setTimeout as delay } from 'node:timers/promises';
import { PATIENCE } from '../../scripts/jest/patience.mjs';

/**
 * Asks until there is an answer.
 * @param what named in the error when the time is up: `timeoutMs`, as it would be on a quiet machine, times {@link PATIENCE}
 * @param ask resolves to undefined as long as it is not so yet; what it throws counts as not yet
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  {
    timeoutMs = 30_000,
    everyMs = 100,
  }: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const patienceMs = PATIENCE * timeoutMs;
  const deadline = Date.now() + patienceMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) {
        return answer;
      }
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      const seen = last instanceof Error ? `: ${last.message}` : '';
      throw new Error(`waited ${patienceMs} ms in vain for ${what}${seen}`, { cause: last });
    }
    await delay(everyMs);
  }
}
