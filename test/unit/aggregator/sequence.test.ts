import { describe, expect, test } from '@jest/globals';
import { MAX_WAITING, Sequence } from '../../../aggregator/sequence.ts';
import type { Result } from '#common/contracts/segment';
import { segmentNumber } from '#common/time';
import { seeded } from '../../helpers/seeded.ts';

const result = (n: number, hash = 'a', worker = 'w'): Result => ({
  channel: 'final',
  broadcast: segmentNumber(100),
  n: segmentNumber(n),
  taskHash: '',
  fingerprint: '',
  worker,
  made: [
    {
      rendition: 'v720',
      bytes: 1,
      sha256: hash.repeat(64),
      frames: 1,
      first: 0,
      end: 1,
      initSha256: 'b'.repeat(64),
      hotId: '0-1',
    },
  ],
});

function publishAll(sequence: Sequence): number[] {
  const published: number[] = [];
  for (let next = sequence.peek(); next !== undefined; next = sequence.peek()) {
    published.push(next.n);
    sequence.advance();
  }
  return published;
}

describe('the sequence', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'publishes every number once and in order, however results arrive (seed %d)',
    (seed) => {
      const random = seeded(seed);
      const numbers = Array.from({ length: 200 }, (_, i) => 100 + i);
      // Each number up to three times, anywhere.
      const arrivals = numbers
        .flatMap((n) => Array.from({ length: 1 + Math.floor(random() * 3) }, () => n))
        .map((n) => ({ n, at: random() }))
        .toSorted((a, b) => a.at - b.at);
      const sequence = new Sequence(100);
      const published: number[] = [];
      for (const { n } of arrivals) {
        sequence.offer(result(n));
        published.push(...publishAll(sequence));
      }
      expect(published).toEqual(numbers);
      expect(sequence.waiting).toBe(0);
    },
  );

  test('takes the same result again without a trace, and a differing one as a second candidate', () => {
    const sequence = new Sequence(100);
    sequence.offer(result(100));
    sequence.offer(result(100, 'a', 'other'));
    sequence.offer(result(100, 'c'));
    sequence.drop(sequence.peek() ?? result(0));
    expect(sequence.peek()?.made[0]?.sha256).toBe('c'.repeat(64));
    sequence.drop(sequence.peek() ?? result(0));
    expect(sequence.peek()).toBeUndefined();
    expect(sequence.waiting).toBe(0);
  });

  test('holds no more than its bound, overfilled tenfold', () => {
    const sequence = new Sequence(100);
    for (let n = 101; n <= 100 + 10 * MAX_WAITING; n += 1) {
      sequence.offer(result(n));
    }
    expect(sequence.waiting).toBe(MAX_WAITING);
    expect(sequence.offer(result(101 + MAX_WAITING))).toBe('too-far');
    sequence.offer(result(100));
    expect(publishAll(sequence)).toHaveLength(MAX_WAITING + 1);
  });

  test('takes nothing before its first number and after its last', () => {
    const sequence = new Sequence(100);
    sequence.offer(result(105));
    sequence.endAt(103);
    expect(sequence.waiting).toBe(0);
    expect(sequence.offer(result(99))).toBe('outside');
    expect(sequence.offer(result(104))).toBe('outside');
    expect(sequence.offer(result(103))).toBe('waiting');
  });
});
