import { describe, expect, test } from '@jest/globals';
import { frameLength, SoundRuns, steadyStart } from '../../../ingest/mapping/sound-runs.ts';

const CONFIG = Buffer.of(0x12, 0x10);
const OTHER = Buffer.of(0x11, 0x90);
const MS = 48;

const placeAll = (
  runs: SoundRuns,
  positions: readonly number[],
): ({ origin: number; k: number } | undefined)[] =>
  positions.map((position) => runs.place(position, 44_100, CONFIG));

const steady = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, k) => from + k * frameLength(44_100));

describe('a run of sound', () => {
  test('counts samples and ignores rounding of its timestamps', () => {
    const runs = new SoundRuns();
    const positions = steady(1_000_000, 500).map((at) => Math.round(at / MS) * MS);
    const places = placeAll(runs, positions);
    expect(places.map((place) => place?.k)).toEqual(positions.map((_, k) => k));
    expect(new Set(places.map((place) => place?.origin))).toEqual(new Set([positions[0]]));
  });

  test('begins anew after a gap, where the gap ends', () => {
    const runs = new SoundRuns();
    placeAll(runs, steady(1_000_000, 50));
    const after = 1_000_000 + 50 * frameLength(44_100) + 300 * MS;
    expect(runs.place(after, 44_100, CONFIG)).toEqual({ origin: Math.round(after), k: 0 });
  });

  test('begins anew once it is off by more than 40 ms for a while, not for one odd timestamp', () => {
    const runs = new SoundRuns();
    const positions = steady(1_000_000, 100);
    positions[20] = (positions[20] ?? 0) + 60 * MS;
    expect(new Set(placeAll(runs, positions).map((place) => place?.origin)).size).toBe(1);
    const late = steady(1_000_000 + 100 * frameLength(44_100) + 45 * MS, 20);
    const origins = placeAll(runs, late).map((place) => place?.origin);
    expect(new Set(origins).size).toBe(2);
    expect(origins.at(-1)).toBeGreaterThan(1_000_000);
  });

  test('begins anew when the configuration changes, and never overlaps what was before', () => {
    const runs = new SoundRuns();
    placeAll(runs, steady(1_000_000, 10));
    const end = 1_000_000 + 10 * frameLength(44_100);
    const place = runs.place(end - 100, 48_000, OTHER);
    expect(place).toEqual({ origin: Math.round(end), k: 0 });
  });

  test('leaves out frames whose place is taken', () => {
    const runs = new SoundRuns();
    placeAll(runs, steady(1_000_000, 100));
    const places = placeAll(runs, steady(1_000_000, 150));
    expect(places.slice(0, 99).every((place) => place === undefined)).toBe(true);
    expect(places.at(-1)?.origin).toBeGreaterThan(1_000_000);
  });

  test('starts at the mean of its first frames', () => {
    const jittered = steady(1_000_000, 50).map((at, i) => at + (i % 2 === 0 ? 480 : -480));
    expect(steadyStart(jittered, 44_100)).toBeCloseTo(1_000_000, 3);
  });
});
