/** Which test files need real time, and so a turn of their own: all of some folders, and whoever says so in its head. */

/** Pipelines, browsers, feeds at the pace of the clock. */
const FOLDERS = /[\\/]test[\\/](?:e2e|fault)[\\/]/;
/** `@needs-real-time` in the comment that opens the file. */
const TAG = /^\s*\/\*\*(?:(?!\*\/)[\s\S])*@needs-real-time\b/;

/**
 * Whether a test file has to run alone.
 * @param {string} path
 * @param {string} source
 * @returns {boolean}
 */
export function needsTurn(path, source) {
  return FOLDERS.test(path) || TAG.test(source);
}
