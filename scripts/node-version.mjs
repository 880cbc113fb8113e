/**
 * Imported first by every script: a Node that Touchline is not tested on ends here with a sentence instead of a stack
 * trace. Keep the syntax of this file, and of all that the scripts import statically, readable by old Nodes.
 */
import process from 'node:process';

/** The oldest Node that runs Touchline, as in `package.json`'s `engines`. */
export const OLDEST_NODE = [20, 19];
/** The newest major version it is tested on, as there. */
export const NEWEST_NODE = 24;

/**
 * Whether a version such as `24.1.0` is one that Touchline runs on.
 * @param {string} version
 * @returns {boolean}
 */
export function isNodeSupported(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  const isNewEnough = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  return isNewEnough && major <= NEWEST_NODE;
}

if (!isNodeSupported(process.versions.node)) {
  console.error(
    'Touchline needs Node ' +
      OLDEST_NODE.join('.') +
      ' to ' +
      NEWEST_NODE +
      '; this is ' +
      process.versions.node +
      '. Get one at https://nodejs.org/en/download',
  );
  process.exit(3);
}
