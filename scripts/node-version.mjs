/**
 * Imported first by every script: an older Node ends here with a sentence instead of a stack trace. Keep the syntax
 * of this file, and of all that the scripts import statically, readable by old Nodes.
 */
import process from 'node:process';

/** The oldest Node that runs Touchline, as in `package.json`'s `engines`. */
export const OLDEST_NODE = [20, 19];

/**
 * Whether a version such as `20.19.1` is new enough.
 * @param {string} version
 * @returns {boolean}
 */
export function isNodeNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

if (!isNodeNewEnough(process.versions.node)) {
  console.error(
    'Touchline needs Node ' +
      OLDEST_NODE.join('.') +
      ' or newer; this is ' +
      process.versions.node +
      '. Get one at https://nodejs.org/en/download',
  );
  process.exit(3);
}
