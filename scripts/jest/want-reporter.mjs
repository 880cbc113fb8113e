/**
 * A reporter for jest that says at the end which tests were skipped, and for want of what: a run on a machine that
 * lacks a program must not look like a whole one.
 */
import { relative } from 'node:path';
import process from 'node:process';
import { wantOf } from './want.mjs';

/** Prints one line for each file and want. */
// oxlint-disable-next-line import/no-default-export -- this is what jest's `reporters` option asks for
export default class WantReporter {
  #root;

  /** @param {import('@jest/types').Config.GlobalConfig} globalConfig */
  constructor(globalConfig) {
    this.#root = globalConfig.rootDir;
  }

  /**
   * @param {unknown} _contexts
   * @param {import('@jest/test-result').AggregatedResult} results
   */
  onRunComplete(_contexts, results) {
    for (const line of skippedLines(results.testResults, this.#root)) {
      process.stderr.write(`${line}\n`);
    }
  }
}

/**
 * `skipped: 21 tests in test/integration/s3-store.test.ts for want of radosgw`, for every file and want.
 * @param {readonly { testFilePath: string, testResults: readonly { status: string, fullName: string }[] }[]} files
 * @param {string} root
 * @returns {string[]}
 */
export function skippedLines(files, root) {
  return files.flatMap(({ testFilePath, testResults }) => {
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const { status, fullName } of testResults) {
      if (status === 'pending') {
        const want = wantOf(fullName);
        counts.set(want, (counts.get(want) ?? 0) + 1);
      }
    }
    return [...counts].map(
      ([want, count]) =>
        `skipped: ${count} ${count === 1 ? 'test' : 'tests'} in ${relative(root, testFilePath)} ${want}`,
    );
  });
}
