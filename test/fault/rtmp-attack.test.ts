import { expect, test } from '@jest/globals';
import { attackRtmp } from './rtmp-attack.ts';
import { ATTACKS } from './rtmp-attacks.ts';

const SIZE = { seed: 20_261, first: 200, mutated: 200, guesses: 48, halfOpen: 200, seconds: 90 };

test('ingest lives through attacks by RTMP, and the publisher beside them loses nothing', async () => {
  const report = await attackRtmp(SIZE);
  expect(report).toMatchObject({ isAlive: true, isDisturbed: false, sessions: 1, keysInLog: 0 });
  const { sent, logged, stored } = report;
  expect({ seed: SIZE.seed, logged, stored }).toEqual({
    seed: SIZE.seed,
    logged: sent,
    stored: sent,
  });
  expect([...report.targeted.keys()].sort()).toEqual(ATTACKS.map(({ name }) => name).sort());
  expect(report.kept[1] / report.kept[0]).toBeLessThan(1.1);
  expect(report.files[1]).toBeLessThanOrEqual(report.files[0]);
  // All of them were still open when the honest publisher was on air.
  expect(report.connectedAmidHalfOpen).toBeLessThan(report.shortestHalfOpen);
  expect(report.longestHalfOpen).toBeLessThan(10_000);
}, 120_000);
