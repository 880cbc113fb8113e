import { describe, expect, test } from '@jest/globals';
import { paceOf } from '../../../../player/engine/pace.ts';

const STEADY = { rate: 1, ahead: 0.1, isStarving: false };

/** Plays for so many seconds, looking 20 times each. */
function play(
  behind: number,
  seconds: number,
  inCompany?: 'picture' | 'sound',
): { behind: number; changes: number; jumps: number; rates: number[] } {
  let rate = 1;
  let changes = 0;
  let jumps = 0;
  let at = behind;
  const rates: number[] = [];
  for (let i = 0; i < seconds * 20; i += 1) {
    const pace = paceOf(at, { rate, ahead: 0.1, isStarving: false, inCompany });
    if (pace.kind === 'jump') {
      at = 0;
      rate = 1;
      jumps += 1;
    } else if (pace.rate !== rate) {
      ({ rate } = pace);
      changes += 1;
    }
    rates.push(rate);
    at -= (rate - 1) / 20;
  }
  return { behind: at, changes, jumps, rates };
}

describe('the pace', () => {
  test('brings playback to its place within 0.95 to 1.05, and then leaves it alone', () => {
    for (const behind of [-0.4, -0.1, -0.04, 0.04, 0.1, 0.4]) {
      const played = play(behind, 25);
      expect(Math.abs(played.behind)).toBeLessThan(0.03);
      expect(played.jumps).toBe(0);
      expect(Math.max(...played.rates)).toBeLessThanOrEqual(1.05);
      expect(Math.min(...played.rates)).toBeGreaterThanOrEqual(0.95);
      expect(played.changes).toBeLessThanOrEqual(12);
      expect(played.rates.at(-1)).toBe(1);
    }
  });

  test('does nothing about what nobody sees', () => {
    expect(play(0.015, 10).changes).toBe(0);
  });

  test('in company a picture is where the others are within a second, the sound as gently as alone', () => {
    for (const behind of [-0.15, -0.05, 0.05, 0.15]) {
      const picture = play(behind, 1, 'picture');
      expect(Math.abs(picture.behind)).toBeLessThan(1 / 30);
      expect(picture.jumps).toBe(0);
      expect(Math.abs(play(behind, 4, 'picture').behind)).toBeLessThan(0.004);
      const sound = play(behind, 25, 'sound');
      expect(Math.abs(sound.behind)).toBeLessThan(0.004);
      expect(Math.max(...sound.rates.map((rate) => Math.abs(rate - 1)))).toBeLessThanOrEqual(0.051);
    }
  });

  test('jumps sooner where there is no picture to lose', () => {
    expect(paceOf(-0.3, { ...STEADY, isStarving: true })).toEqual({ kind: 'jump' });
    expect(paceOf(-0.3, STEADY)).toEqual({ kind: 'rate', rate: 0.95 });
    expect(paceOf(-0.3, { ...STEADY, isStarving: true, ahead: 0 }).kind).toBe('rate');
  });

  test('jumps only when far off, and only onto media in hand', () => {
    expect(paceOf(0.6, STEADY)).toEqual({ kind: 'jump' });
    expect(paceOf(-2, STEADY)).toEqual({ kind: 'jump' });
    expect(paceOf(0.6, { ...STEADY, ahead: 0 })).toEqual({ kind: 'rate', rate: 1.05 });
    expect(play(30, 5)).toMatchObject({ jumps: 1, behind: 0 });
  });
});
