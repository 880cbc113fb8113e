/** @takes-seconds 25 */
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
  // That all of them were closed is what the report waited for.
  expect(report.halfOpenOnAir).toBeGreaterThan(SIZE.halfOpen / 2);
}, 120_000);
