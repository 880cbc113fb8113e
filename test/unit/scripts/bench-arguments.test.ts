import { describe, expect, test } from '@jest/globals';
import { benchArguments } from '../../../scripts/bench-arguments.mjs';

const KNOWN = ['edge', 'latency', 'pipeline'];

describe('what stands after npm run bench', () => {
  test('are names, all of them when none is given', () => {
    expect(benchArguments([], KNOWN)).toEqual({ names: KNOWN, options: [] });
    expect(benchArguments(['edge', 'pipeline'], KNOWN)).toEqual({
      names: ['edge', 'pipeline'],
      options: [],
    });
  });

  test('and the options of the one that is named', () => {
    expect(benchArguments(['latency', '--minutes', '1', '--player', 'hls'], KNOWN)).toEqual({
      names: ['latency'],
      options: ['--minutes', '1', '--player', 'hls'],
    });
  });

  test('which are nobody’s without a name, or with two', () => {
    expect(() => benchArguments(['--minutes', '1'], KNOWN)).toThrow(/for one benchmark/);
    expect(() => benchArguments(['edge', 'latency', '--minutes', '1'], KNOWN)).toThrow(/for one/);
    expect(() => benchArguments(['latence'], KNOWN)).toThrow(/there are edge, latency, pipeline/);
  });
});
