/** How long all must be well before a rendition that was withheld is made again: leader and status say the same. Pure. */
import type { Shed } from './contracts/shed.ts';
import { milliseconds, type Milliseconds } from './time.ts';

/** The first time: several segments, and longer than whatever opens or starts beside the pipeline takes. */
const FIRST_CALM_MS = 20_000;
/** It doubles with each relapse up to this: a machine that is too small is tried some times an hour. */
const LONGEST_CALM_MS = 600_000;
/** A rendition withheld again so soon after the decision that it is made again was too much for the workers. */
const RELAPSE_MS = 90_000;

/** How long nothing may have been late, and room have been there, before a rendition is made again. */
export function calmBeforeReturn(sheds: readonly Shed[], rendition: string): Milliseconds {
  let calm = FIRST_CALM_MS;
  let returnedAt: number | undefined;
  let isAway = false;
  for (const { withheld, at } of sheds) {
    const isWithheld = withheld.includes(rendition);
    if (isWithheld && !isAway && returnedAt !== undefined) {
      const isRelapse = at - returnedAt < RELAPSE_MS;
      calm = isRelapse ? Math.min(LONGEST_CALM_MS, 2 * calm) : FIRST_CALM_MS;
    } else if (!isWithheld && isAway) {
      returnedAt = at;
    }
    isAway = isWithheld;
  }
  return milliseconds(calm);
}

/** Whether a rendition was withheld again so soon after it had come back that it is too much for the workers. */
export const isRelapse = (sheds: readonly Shed[], rendition: string): boolean =>
  calmBeforeReturn(sheds, rendition) > FIRST_CALM_MS;
