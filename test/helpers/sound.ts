/** Test sounds: beeps on given moments, a steady tone, and a mix like a programme's. Mono samples in [-1, 1]. */
import { seeded } from './seeded.ts';

// Looked up once: within jest every look-up of a global costs more than the sine itself.
const { PI, floor, max, min, round, sin } = Math;

/** Frequency of beeps, Hz. */
export const BEEP_HZ = 1000;
/** Length of a beep, seconds. */
export const BEEP_SECONDS = 0.04;
/** Frequency of the steady tone, Hz: a prime, so that its period meets no frame length. */
export const TONE_HZ = 997;
/**
 * The programme repeats after this: 30 whole AAC frames at 48 kHz, so that an encoder's frames meet the same samples
 * at two places a period apart, and a whole number of samples at 44.1 kHz.
 */
export const PROGRAMME_PERIOD_SECONDS = 0.64;
const ATTACK_SECONDS = 0.001;

/** A sound: its sample at each position. */
export type Sound = (position: number) => number;

/** Beeps that begin exactly at these times (seconds). */
export function beeps(rate: number, times: readonly number[]): Sound {
  const starts = times.map((time) => round(time * rate));
  const length = round(BEEP_SECONDS * rate);
  const attack = round(ATTACK_SECONDS * rate);
  let next = 0;
  return (position) => {
    while ((starts[next] ?? Infinity) + length <= position) {
      next++;
    }
    const inside = position - (starts[next] ?? Infinity);
    if (inside < 0) {
      return 0;
    }
    const edge = min(1, inside / attack, (length - inside) / attack);
    return 0.7 * edge * sin((2 * PI * BEEP_HZ * inside) / rate);
  };
}

/** A steady tone. */
export function tone(rate: number): Sound {
  const step = (2 * PI * TONE_HZ) / rate;
  return (position) => 0.5 * sin(step * position);
}

/** Chords, sweeps and noise bursts, seeded, with a period of {@link PROGRAMME_PERIOD_SECONDS}. */
export function programme(rate: number, seed: number): Sound {
  const random = seeded(seed);
  const period = round(PROGRAMME_PERIOD_SECONDS * rate);
  const samples = new Float32Array(period);
  const add = (start: number, length: number, at: (t: number) => number): void => {
    for (let i = 0; i < length * rate; i++) {
      const edge = min(1, i / (0.005 * rate), (length * rate - i) / (0.02 * rate));
      const place = (round(start * rate) + i) % period;
      samples[place] = (samples[place] ?? 0) + max(0, edge) * at(i / rate);
    }
  };
  for (let chord = 0; chord < 4; chord++) {
    const root = 110 * 2 ** (floor(random() * 24) / 12);
    for (const interval of [0, 4, 7, 12, 19]) {
      const hz = round(root * 2 ** (interval / 12));
      const phase = random() * 2 * PI;
      add(chord * 0.125, 0.15, (t) => 0.07 * sin(2 * PI * hz * t + phase));
    }
  }
  for (let sweep = 0; sweep < 3; sweep++) {
    const [from, to] = [200 + random() * 1000, 1000 + random() * 5000];
    add(random(), 0.2, (t) => 0.1 * sin(2 * PI * t * (from + ((to - from) * t) / 0.4)));
  }
  for (let burst = 0; burst < 3; burst++) {
    let smooth = 0;
    add(random(), 0.06, () => {
      smooth += 0.35 * (random() * 2 - 1 - smooth);
      return 0.25 * smooth;
    });
  }
  return (position) => samples[position % period] ?? 0;
}

/** A sound as interleaved signed 16 bit samples, in blocks. */
export function* pcmBlocks(
  sound: Sound,
  rate: number,
  channels: number,
  seconds: number,
): Generator<Buffer> {
  const total = round(seconds * rate);
  for (let from = 0; from < total; from += rate) {
    const length = min(rate, total - from);
    const block = Buffer.alloc(length * channels * 2);
    for (let i = 0; i < length; i++) {
      const value = round(max(-1, min(1, sound(from + i))) * 32_767);
      for (let channel = 0; channel < channels; channel++) {
        block.writeInt16LE(value, (i * channels + channel) * 2);
      }
    }
    yield block;
  }
}
