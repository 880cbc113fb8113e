import { describe, expect, test } from '@jest/globals';
import { gridOf, type Grid } from '#common/grid';
import { Allowance } from '../../../ingest/feed/allowance.ts';
import { FeedWarnings, type FeedFacts } from '../../../ingest/feed/feed-warnings.ts';
import { WarningLog } from '../../../ingest/feed/warning-log.ts';

const FINE: FeedFacts = {
  grid: gridOf('30'),
  sourceFps: 30,
  inStep: 1,
  isInterlaced: false,
  soundRate: 48_000,
  steps: 0,
  soundBreaks: 0,
  oddCompositionTimes: 0,
  undecodable: 0,
};
const codes = (warnings: readonly { readonly code: string }[]): string[] =>
  warnings.map(({ code }) => code);

describe('warnings about a feed', () => {
  test('are none for a clean one', () => {
    const warnings = new FeedWarnings();
    for (let at = 0; at < 200_000; at += 1000) {
      expect(warnings.read(at, FINE)).toEqual([]);
    }
  });

  test.each([
    ['TIMESTAMPS_JUMP', { steps: 1 }],
    ['SOUND_TIMESTAMPS', { soundBreaks: 5 }],
    ['COMPOSITION_TIMES', { oddCompositionTimes: 1 }],
    ['PARAMETER_SETS_MISSING', { undecodable: 1 }],
  ])('%s is told for a minute after it happened', (code, counts) => {
    const warnings = new FeedWarnings();
    const facts = { ...FINE, ...counts };
    expect(warnings.read(0, FINE)).toEqual([]);
    expect(codes(warnings.read(1000, facts))).toEqual([code]);
    for (let at = 2000; at <= 59_000; at += 1000) {
      expect(codes(warnings.read(at, facts))).toEqual([code]);
    }
    for (let at = 60_000; at <= 62_000; at += 1000) {
      warnings.read(at, facts);
    }
    expect(warnings.read(63_000, facts)).toEqual([]);
  });

  test('tell also what happened before the first look', () => {
    expect(codes(new FeedWarnings().read(0, { ...FINE, steps: 3 }))).toEqual(['TIMESTAMPS_JUMP']);
  });

  test.each([
    ['INTERLACED', { isInterlaced: true }],
    ['FRAME_RATE_CONVERTED', { sourceFps: 240 }],
    ['FRAME_RATE_VARIABLE', { sourceFps: undefined, inStep: 0.5 }],
  ])('%s is told as long as it is so', (code, facts) => {
    const warnings = new FeedWarnings();
    for (let at = 0; at < 200_000; at += 1000) {
      expect(codes(warnings.read(at, { ...FINE, ...facts }))).toEqual([code]);
    }
  });

  test.each([15, 10, 30])('are none for %d frames a second: each is shown equally often', (fps) => {
    expect(new FeedWarnings().read(0, { ...FINE, sourceFps: fps })).toEqual([]);
  });

  test.each([29.97, 25, 60, 20])('tell that %d frames a second are converted', (fps) => {
    const told = codes(new FeedWarnings().read(0, { ...FINE, sourceFps: fps }));
    expect(told).toEqual(['FRAME_RATE_CONVERTED']);
  });

  test('tell an interlaced feed what becomes of its fields', () => {
    const told = (sourceFps: number, grid: Grid): string | undefined =>
      new FeedWarnings().read(0, { ...FINE, isInterlaced: true, sourceFps, grid })[0]?.message;
    expect(told(25, gridOf('50'))).toMatch(/its fields are made into 50 frames a second/);
    expect(told(25, gridOf('25'))).toMatch(/every second field is not shown: set the channel to/);
  });

  test('are logged when they come up, then once a minute, and when they are over, however often they are read', () => {
    const lines: unknown[] = [];
    const log = new WarningLog({
      warn: (...line: unknown[]) => {
        lines.push(line);
      },
      info: (...line: unknown[]) => {
        lines.push(line);
      },
    });
    for (let at = 0; at < 120_000; at += 1000) {
      log.write(
        [{ code: 'A', message: 'a' }, ...(at < 60_000 ? [] : [{ code: 'B', message: 'b' }])],
        at,
      );
    }
    expect(lines).toEqual([
      [{ code: 'A', reason: 'a' }, 'feed warning'],
      [{ code: 'A', reason: 'a' }, 'feed warning'],
      [{ code: 'B', reason: 'b' }, 'feed warning'],
    ]);
    lines.length = 0;
    for (let at = 120_000; at < 179_000; at += 1000) {
      log.write(at % 2000 === 0 ? [{ code: 'A', message: 'a' }] : [], at);
    }
    expect(lines).toEqual([
      [{ code: 'A', reason: 'a' }, 'feed warning'],
      [{ code: 'B' }, 'feed warning over'],
      [{ code: 'A' }, 'feed warning over'],
    ]);
  });
});

describe('an allowance', () => {
  test('of a thousand messages a second lets a hundred thousand end soon, and 400 go on for ever', () => {
    const flood = new Allowance(1000);
    let taken = 0;
    while (flood.take(1, taken / 100)) {
      taken += 1;
    }
    expect(taken).toBeLessThan(10_200);
    const feed = new Allowance(1000);
    for (let n = 0; n < 1_000_000; n += 1) {
      if (!feed.take(1, n * 2.5)) {
        throw new Error(`refused at message ${n}`);
      }
    }
  });
});
