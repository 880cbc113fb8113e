/** The table of whole runs: one row for each, which of them are still missing, and how a row is added. */

/** @typedef {'quiet' | 'burnt'} Kind a machine with nothing else to do, or with one core burnt by a foreign process */

/**
 * @typedef {object} Run
 * @property {string} commit
 * @property {Date} at when it began
 * @property {Kind} kind
 * @property {number} minutes
 * @property {string} result the last line of `.ci/run`, or why there is none
 * @property {number} load mean load of the machine during the run
 * @property {number} cores
 * @property {string} node
 */

const BESIDE = { quiet: 'nothing', burnt: 'one core burnt' };
const HEAD = ['commit', 'began', 'beside', 'minutes', 'tests', 'load', 'cores', 'Node'];

/**
 * @param {readonly string[]} cells
 * @returns {string}
 */
const line = (cells) => `| ${cells.join(' | ')} |`;

/**
 * A run as a row of a Markdown table.
 * @param {Run} run
 * @returns {string}
 */
export const rowOf = (run) =>
  line([
    run.commit,
    run.at.toISOString().slice(0, 16).replace('T', ' '),
    BESIDE[run.kind],
    run.minutes.toFixed(1),
    run.result,
    run.load.toFixed(1),
    String(run.cores),
    run.node,
  ]);

/**
 * A page with one more row, below those that are there; a page without the table gets one at its end.
 * @param {string} page
 * @param {string} row
 * @returns {string}
 */
export function addRow(page, row) {
  const lines = page.trimEnd().split('\n');
  const head = lines.findIndex((text) => text.startsWith('| commit '));
  if (head < 0) {
    const table = [line(HEAD), line(HEAD.map(() => '---')), row];
    return `${[...(page.trim() === '' ? [] : [...lines, '']), ...table].join('\n')}\n`;
  }
  const length = lines.slice(head).findIndex((text) => !text.startsWith('|'));
  lines.splice(length < 0 ? lines.length : head + length, 0, row);
  return `${lines.join('\n')}\n`;
}

/**
 * What is to be run still, so that a page has so many runs of a commit: quiet and burnt in turn.
 * @param {string} page
 * @param {string} commit
 * @param {{ runs: number, burnt: number }} wanted
 * @returns {Kind[]}
 */
export function missingRuns(page, commit, wanted) {
  /** @param {Kind} kind */
  const done = (kind) =>
    page
      .split('\n')
      .map((text) => text.split('|').map((cell) => cell.trim()))
      .filter((cells) => cells[1] === commit && cells[3] === BESIDE[kind]).length;
  let quiet = Math.max(0, wanted.runs - wanted.burnt - done('quiet'));
  let burnt = Math.max(0, wanted.burnt - done('burnt'));
  /** @type {Kind[]} */
  const kinds = [];
  while (quiet + burnt > 0) {
    const kind = quiet > 0 && quiet >= burnt ? 'quiet' : 'burnt';
    kinds.push(kind);
    quiet -= kind === 'quiet' ? 1 : 0;
    burnt -= kind === 'burnt' ? 1 : 0;
  }
  return kinds;
}
