/** What is said of a broadcast whose ladder is more than the workers can carry: in the status, and once in the log. Pure. */
import { isTooHeavy, type Admission } from './contracts/admission.ts';
import type { Warning } from './contracts/status.ts';

const cores = (count: number, digits = 1): string => count.toFixed(digits);

/** Which renditions were left out, or that nothing was although it does not fit; undefined when all is well. */
export function loadWarning(admission: Admission): Warning | undefined {
  const { neededCores, takenCores, freeCores, leftOut } = admission;
  // What differs must not read as if it were the same.
  const digits = cores(neededCores) === cores(freeCores) ? 2 : 1;
  const why = `the whole ladder takes ${cores(neededCores, digits)} cores, and ${cores(freeCores, digits)} were free`;
  const more =
    'more cores for workers (close other programs here, or start workers on other machines)';
  if (leftOut.length > 0) {
    const names = leftOut.join(', ');
    const rest = isTooHeavy(admission) ? ` The rest takes ${cores(takenCores)}.` : '';
    const message = `Begun without ${names}: ${why}.${rest} The next broadcast has all with ${more}, or with a fixed ladder, which is made whatever it takes.`;
    return { code: 'RENDITIONS_LEFT_OUT', message };
  }
  if (isTooHeavy(admission)) {
    const message = `May fall behind: ${why}. The next broadcast needs ${more}, or a shorter ladder.`;
    return { code: 'LADDER_TOO_HEAVY', message };
  }
  return undefined;
}
