/** Which test files need real time, and so take turns: all of some folders, and whoever says so in its head. */

/** Pipelines, browsers, feeds at the pace of the clock. */
const FOLDERS = /[\\/]test[\\/](?:e2e|fault)[\\/]/;
/** The comment that opens the file. */
const HEAD = /^\s*\/\*\*(?:(?!\*\/)[\s\S])*/;

/**
 * What a test file needs: real time, so that it begins only when the machine carries it, or all that the machine has.
 * @param {string} path
 * @param {string} source
 * @returns {'nothing' | 'turn' | 'machine'}
 */
export function needOf(path, source) {
  const head = HEAD.exec(source)?.[0] ?? '';
  if (/@needs-whole-machine\b/.test(head)) {
    return 'machine';
  }
  return FOLDERS.test(path) || /@needs-real-time\b/.test(head) ? 'turn' : 'nothing';
}

/**
 * How long a test file runs on a quiet machine, as its head says: those that take long are to begin early, so that none of
 * them is left to run on alone.
 * @param {string} source
 * @returns {number} seconds; 0 where it says nothing
 */
export function secondsOf(source) {
  const head = HEAD.exec(source)?.[0] ?? '';
  return Number(/@takes-seconds (\d+)\b/.exec(head)?.[1] ?? 0);
}
