/** Which test files need real time, and how they share it: all of some folders, and whoever says so in its head. */

/** Pipelines, browsers, feeds at the pace of the clock. */
const FOLDERS = /[\\/]test[\\/](?:e2e|fault)[\\/]/;
/** What the comment that opens the file says of it. */
const TAG = /^\s*\/\*\*(?:(?!\*\/)[\s\S])*?@(needs-real-time|paces-itself)\b/;

/**
 * How a test file runs: `free` beside any other; `turn`, one at a time; `paced`, beside those that take turns, because it begins
 * each piece of its work only when the machine has cores to spare.
 * @param {string} path
 * @param {string} source
 * @returns {'free' | 'turn' | 'paced'}
 */
export function turnOf(path, source) {
  const tag = TAG.exec(source)?.[1];
  if (tag === 'paces-itself') {
    return 'paced';
  }
  return tag === 'needs-real-time' || FOLDERS.test(path) ? 'turn' : 'free';
}
