import { describe, expect, test } from '@jest/globals';
import { seeded } from '../../helpers/seeded.ts';
import { beepOnsets, findLag, fitTone, joinLoss, noiseAround } from '../../helpers/sound-report.ts';
import {
  beeps,
  pcmBlocks,
  programme,
  PROGRAMME_PERIOD_SECONDS,
  tone,
  type Sound,
} from '../../helpers/sound.ts';

const RATE = 48_000;
const render = (sound: Sound, seconds: number): Float32Array =>
  Float32Array.from({ length: seconds * RATE }, (_, i) => sound(i));

describe('measurements on sound', () => {
  test('beeps are found within a quarter of a millisecond, noise or not', () => {
    const random = seeded(1);
    const pcm = render(beeps(RATE, [0.5, 1.5, 2.25]), 3).map((v) => v + (random() - 0.5) * 0.02);
    const onsets = beepOnsets(pcm, RATE);
    expect(onsets).toHaveLength(3);
    for (const [i, wanted] of [0.5, 1.5, 2.25].entries()) {
      expect(Math.abs((onsets[i] ?? 0) - wanted * RATE)).toBeLessThan(12);
    }
  });

  test('silence has no beeps', () => {
    expect(beepOnsets(new Float32Array(RATE), RATE)).toEqual([]);
  });

  test('a clean tone is far above 30 dB, and a single lost sample at a join is seen from there on', () => {
    const clean = render(tone(RATE), 4);
    const joins = [RATE, 2 * RATE, 3 * RATE];
    const fitted = fitTone(clean, RATE, 0, clean.length);
    expect(noiseAround(clean, fitted, joins).worstDb).toBeGreaterThan(60);

    const broken = Float32Array.from(clean, (v, i) => (i < 3.5 * RATE ? v : (clean[i + 1] ?? 0)));
    const report = noiseAround(broken, fitTone(broken, RATE, 0, RATE), [...joins, 3.7 * RATE]);
    expect(report.places).toBe(4);
    expect(report.worstDb).toBeLessThan(20);
    expect(report.medianDb).toBeGreaterThan(60);
  });

  test('noise is measured where it is', () => {
    const random = seeded(2);
    const clean = render(tone(RATE), 2);
    const noisy = clean.map((v, i) => v + (i > RATE ? (random() - 0.5) * 0.02 : 0));
    const away = noiseAround(noisy, clean, [RATE / 2]);
    const near = noiseAround(noisy, clean, [1.5 * RATE]);
    expect(away.overallDb).toBeGreaterThan(100);
    expect(near.overallDb).toBeCloseTo(35.7, 0);
  });

  test('places too near an end are left out', () => {
    const pcm = render(tone(RATE), 1);
    expect(noiseAround(pcm, pcm, [100, RATE / 2, RATE - 100]).places).toBe(1);
  });

  test('a delay is found to the sample', () => {
    const source = render(programme(RATE, 3), 3);
    const pcm = Float32Array.from(source, (_, i) => source[i - 1234] ?? 0);
    expect(findLag(pcm, source, { guess: 1000, reach: 2400, at: RATE })).toBe(1234);
  });

  describe('joins are compared with places equal to them', () => {
    const period = PROGRAMME_PERIOD_SECONDS * RATE;
    const joins = [2, 4, 6, 8].map((seconds) => seconds * RATE);
    const joined = { joins, period, from: 0, to: 10 * RATE };
    const clean = render(programme(RATE, 3), 10);

    /** Noise as an encoder's: by far not the same at every place of the programme, and the same a period later. */
    const coded = (noiseAtJoins: number): Float32Array => {
      const random = seeded(4);
      return clean.map((value, i) => {
        const isJoin = joins.some((join) => Math.abs(i - join) < 1024);
        const place = (i % period) / period;
        return value + (random() - 0.5) * (0.001 + 0.05 * place ** 4) * (isJoin ? noiseAtJoins : 1);
      });
    };

    test('whose noise differs by 20 dB from place to place, and no join is found noisier', () => {
      const { meanDb, joins: compared } = joinLoss(coded(1), clean, joined);
      expect(compared).toBe(4);
      expect(Math.abs(meanDb)).toBeLessThan(0.3);
    });

    test('and joins twice as noisy are found', () => {
      expect(joinLoss(coded(2), clean, joined).meanDb).toBeGreaterThan(3);
    });
  });

  test('programme sound repeats after its period, in whole AAC frames, and is not too loud', () => {
    const pcm = render(programme(RATE, 5), 2);
    expect((PROGRAMME_PERIOD_SECONDS * RATE) % 1024).toBe(0);
    expect(pcm[PROGRAMME_PERIOD_SECONDS * RATE + 777]).toBe(pcm[777]);
    expect(pcm.reduce((a, b) => Math.max(a, Math.abs(b)), 0)).toBeLessThan(1.2);
    expect(pcm.reduce((a, b) => a + b * b, 0) / pcm.length).toBeGreaterThan(0.001);
  });

  test('blocks of samples have the length asked for', () => {
    const bytes = [...pcmBlocks(tone(44_100), 44_100, 2, 2.5)].reduce((a, b) => a + b.length, 0);
    expect(bytes).toBe(2.5 * 44_100 * 2 * 2);
  });
});
