import { describe, expect, test } from '@jest/globals';
import { skippedLines } from '../../../scripts/jest/want-reporter.mjs';
import { skippedName } from '../../../scripts/jest/want.mjs';
import { needOf, secondsOf } from '../../../scripts/jest/turn.mjs';

describe('a test file takes turns with others that need real time', () => {
  test('when it stands in a folder of whole pipelines', () => {
    expect(needOf('/somewhere/test/e2e/grid.test.ts', '/** Every source. */')).toBe('turn');
    expect(needOf('/somewhere/test/fault/fault.test.ts', '')).toBe('turn');
  });

  test('when the comment that opens it says so', () => {
    const tagged = '/**\n * Feeds at the pace of the clock.\n *\n * @needs-real-time\n */\n';
    expect(needOf('/test/integration/a.test.ts', tagged)).toBe('turn');
  });

  test('and alone when it says that it fills the machine', () => {
    const tagged = '/** Every source. @needs-whole-machine */\n';
    expect(needOf('/somewhere/test/e2e/grid.test.ts', tagged)).toBe('machine');
  });

  test('and not because a later comment mentions it', () => {
    const source = '/** Pure. */\nimport x from "y";\n/** @needs-real-time */\n';
    expect(needOf('/test/unit/ingest/a.test.ts', source)).toBe('nothing');
  });
});

describe('a test file that takes long', () => {
  test('says so in the comment that opens it, and others do not', () => {
    expect(secondsOf('/**\n * Feeds.\n *\n * @takes-seconds 90\n */\n')).toBe(90);
    expect(secondsOf('/** Pure. */\n/** @takes-seconds 90 */\n')).toBe(0);
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
