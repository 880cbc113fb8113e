import { describe, expect, test } from '@jest/globals';
import { skippedLines } from '../../../scripts/jest/want-reporter.mjs';
import { skippedName } from '../../../scripts/jest/want.mjs';
import { needsTurn } from '../../../scripts/jest/turn.mjs';

describe('a test file takes turns with others that need real time', () => {
  test('when it stands in a folder of whole pipelines', () => {
    expect(needsTurn('/somewhere/test/e2e/grid.test.ts', '/** Every source. */')).toBe(true);
    expect(needsTurn('/somewhere/test/fault/fault.test.ts', '')).toBe(true);
  });

  test('when the comment that opens it says so', () => {
    const tagged = '/**\n * Feeds at the pace of the clock.\n *\n * @needs-real-time\n */\n';
    expect(needsTurn('/test/integration/a.test.ts', tagged)).toBe(true);
  });

  test('and not because a later comment mentions it', () => {
    const source = '/** Pure. */\nimport x from "y";\n/** @needs-real-time */\n';
    expect(needsTurn('/test/unit/ingest/a.test.ts', source)).toBe(false);
  });
});

describe('the summary of skipped tests', () => {
  const file = (name: string, ...testResults: { status: string; fullName: string }[]) => ({
    testFilePath: `/project/test/${name}`,
    testResults,
  });

  test('counts them by file and by what is missing', () => {
    const s3 = skippedName('the S3 store', 'radosgw');
    expect(
      skippedLines(
        [
          file(
            'a.test.ts',
            { status: 'pending', fullName: `${s3} keeps what it is given` },
            { status: 'pending', fullName: `${s3} forgets what it is told to` },
            { status: 'passed', fullName: 'something else' },
          ),
          file('b.test.ts', { status: 'pending', fullName: skippedName('a folder', 'root') }),
          file('c.test.ts', { status: 'passed', fullName: 'all is there' }),
          file('d.test.ts', { status: 'pending', fullName: 'nobody knows' }),
        ],
        '/project',
      ),
    ).toEqual([
      'skipped: 2 tests in test/a.test.ts for want of radosgw',
      'skipped: 1 test in test/b.test.ts for want of root',
      'skipped: 1 test in test/d.test.ts without saying why',
    ]);
  });
});
