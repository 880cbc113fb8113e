/** How a test's name says what the machine must have for it to run, and how that is read back from the name. */

const WANT = /\(skipped (for want of [^()]+)\)/;

/**
 * A test's or a group's name, with what is missing where it is missing.
 * @param {string} name
 * @param {string} want
 */
export const skippedName = (name, want) => `${name} (skipped for want of ${want})`;

/**
 * What a skipped test lacks, from its full name.
 * @param {string} fullName
 * @returns {string}
 */
export const wantOf = (fullName) => WANT.exec(fullName)?.[1] ?? 'without saying why';
