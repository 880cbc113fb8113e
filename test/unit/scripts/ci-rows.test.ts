import { describe, expect, test } from '@jest/globals';
import { addRow, missingRuns, rowOf } from '../../../scripts/ci-rows.mjs';

const run = {
  commit: 'abc1234567',
  at: new Date('2026-11-28T12:34:56Z'),
  kind: 'burnt' as const,
  minutes: 12.345,
  result: '1600 passed, 0 failed',
  load: 3.21,
  cores: 2,
  node: '20.20.2',
};
const ROW =
  '| abc1234567 | 2026-11-28 12:34 | one core burnt | 12.3 | 1600 passed, 0 failed | 3.2 | 2 | 20.20.2 |';

describe('the table of whole runs', () => {
  test('has a row for each', () => {
    expect(rowOf(run)).toBe(ROW);
  });

  test('begins where there is none, and grows below its last row', () => {
    const first = addRow('# Runs\n', ROW);
    expect(first).toMatch(/^# Runs\n\n\| commit \|.*\n\| --- \|.*\n\| abc1234567 /);
    const page = `${first}\nWhat it means.\n`;
    const lines = addRow(page, ROW.replace('abc', 'def')).split('\n');
    expect(lines.slice(4, 7)).toEqual([ROW, ROW.replace('abc', 'def'), '']);
    expect(lines.at(-2)).toBe('What it means.');
  });

  test('says which runs of a commit are missing, quiet and burnt in turn', () => {
    const page = addRow('', ROW);
    const wanted = { runs: 4, burnt: 2 };
    expect(missingRuns('', 'abc1234567', wanted)).toEqual(['quiet', 'burnt', 'quiet', 'burnt']);
    expect(missingRuns(page, 'abc1234567', wanted)).toEqual(['quiet', 'quiet', 'burnt']);
    expect(missingRuns(page, 'other', wanted)).toHaveLength(4);
    expect(missingRuns(page, 'abc1234567', { runs: 1, burnt: 1 })).toEqual([]);
  });
});
