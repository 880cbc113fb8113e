/** Measurements on decoded sound: when beeps begin, and how clean it is at joins and away from them. */
import { BEEP_HZ, BEEP_SECONDS, TONE_HZ } from './sound.ts';

// Looked up once: within jest every look-up of a global costs more than the sine itself.
const { PI, abs, cos, floor, log10, max, min, round, sin, sqrt } = Math;

/** Half of the stretch around a join that is measured, in samples. */
export const JOIN_REACH = 2048;

/** Signal to noise of one kind of place, dB: over all of them together, the median, and the worst one. */
export interface NoiseReport {
  readonly places: number;
  readonly overallDb: number;
  readonly medianDb: number;
  readonly worstDb: number;
}

/**
 * Where beeps begin, in samples: the places at which a beep-long window holds most energy at the beep's frequency.
 * An encoder's smearing is symmetric to this, so it is good to well under a millisecond.
 */
export function beepOnsets(pcm: Float32Array, rate: number): number[] {
  const length = round(BEEP_SECONDS * rate);
  const energies = windowEnergies(pcm, (2 * PI * BEEP_HZ) / rate, length);
  const loudest = energies.reduce((a, b) => max(a, b), 0);
  const onsets: number[] = [];
  if (loudest < 1) {
    return onsets;
  }
  for (let at = 0; at < energies.length; at++) {
    if ((energies[at] ?? 0) < loudest / 4) {
      continue;
    }
    let best = at;
    while (at < energies.length && (energies[at] ?? 0) >= loudest / 4) {
      best = (energies[at] ?? 0) > (energies[best] ?? 0) ? at : best;
      at++;
    }
    onsets.push(best);
  }
  return onsets;
}

/** For each start, the energy at angular frequency `step` in the `length` samples from there. */
function windowEnergies(pcm: Float32Array, step: number, length: number): Float64Array {
  const energies = new Float64Array(max(0, pcm.length - length));
  let [re, im] = [0, 0];
  for (let i = 0; i < pcm.length; i++) {
    re += (pcm[i] ?? 0) * cos(step * i);
    im += (pcm[i] ?? 0) * sin(step * i);
    if (i >= length) {
      re -= (pcm[i - length] ?? 0) * cos(step * (i - length));
      im -= (pcm[i - length] ?? 0) * sin(step * (i - length));
    }
    if (i + 1 >= length && i + 1 - length < energies.length) {
      energies[i + 1 - length] = re * re + im * im;
    }
  }
  return energies;
}

/** The steady tone that fits `pcm` best between two samples: one amplitude and phase for all of it. */
export function fitTone(pcm: Float32Array, rate: number, from: number, to: number): Float32Array {
  const step = (2 * PI * TONE_HZ) / rate;
  let [cc, ss, cs, xc, xs] = [0, 0, 0, 0, 0];
  for (let i = from; i < to; i++) {
    const [c, s, x] = [cos(step * i), sin(step * i), pcm[i] ?? 0];
    cc += c * c;
    ss += s * s;
    cs += c * s;
    xc += x * c;
    xs += x * s;
  }
  const determinant = cc * ss - cs * cs;
  const a = (xc * ss - xs * cs) / determinant;
  const b = (xs * cc - xc * cs) / determinant;
  return Float32Array.from(pcm, (_, i) => a * cos(step * i) + b * sin(step * i));
}

/**
 * Signal to noise around places, the signal being `reference` at the same samples.
 * @param places samples in the middle of what is measured; those too near an end are left out
 */
export function noiseAround(
  pcm: Float32Array,
  reference: Float32Array,
  places: readonly number[],
): NoiseReport {
  const ratios: number[] = [];
  let [signals, noises] = [0, 0];
  for (const place of places) {
    let [signal, noise] = [0, 0];
    if (place < JOIN_REACH || place + JOIN_REACH > min(pcm.length, reference.length)) {
      continue;
    }
    for (let i = place - JOIN_REACH; i < place + JOIN_REACH; i++) {
      const wanted = reference[i] ?? 0;
      signal += wanted * wanted;
      noise += ((pcm[i] ?? 0) - wanted) ** 2;
    }
    signals += signal;
    noises += noise;
    ratios.push(decibel(signal, noise));
  }
  ratios.sort((a, b) => a - b);
  return {
    places: ratios.length,
    overallDb: decibel(signals, noises),
    medianDb: ratios[floor(ratios.length / 2)] ?? Number.NaN,
    worstDb: ratios[0] ?? Number.NaN,
  };
}

/** How much noisier sound is at joins than at places that differ from them by nothing but the join. */
export interface JoinLoss {
  readonly joins: number;
  /** In the mean over joins, dB; above 0 joins are noisier. */
  readonly meanDb: number;
  /** By how much a mean over so many joins wanders by itself: its standard error, dB. */
  readonly errorDb: number;
}

/** Equal places this many periods before and after a join are compared with it. */
const PERIODS = 8;

/** Where sound joins, and where it can be measured. All in samples. */
export interface Joined {
  readonly joins: readonly number[];
  /** After it both the sound and the encoder's frames are the same again. */
  readonly period: number;
  /** What lies outside is not measured. */
  readonly from: number;
  readonly to: number;
}

/** Places a multiple of the period from a join at which nothing joins. */
export function equalPlaces(join: number, { joins, period, from, to }: Joined): number[] {
  return Array.from({ length: 2 * PERIODS + 1 }, (_, i) => join + (i - PERIODS) * period).filter(
    (place) =>
      place >= from + JOIN_REACH &&
      place <= to - JOIN_REACH &&
      joins.every((other) => abs(place - other) >= 2 * JOIN_REACH),
  );
}

/**
 * Compares every join with equal places. An encoder's noise differs by many dB from one place of a programme to another,
 * and with how its frames lie on it; only where both are the same can a join be told from its surroundings.
 */
export function joinLoss(pcm: Float32Array, reference: Float32Array, joined: Joined): JoinLoss {
  const losses = joined.joins.flatMap((join) => {
    const at = noiseAround(pcm, reference, [join]);
    const away = noiseAround(pcm, reference, equalPlaces(join, joined));
    return at.places === 0 || away.places === 0 ? [] : [away.overallDb - at.overallDb];
  });
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  const variance =
    losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / max(1, losses.length - 1);
  return {
    joins: losses.length,
    meanDb: mean,
    errorDb: sqrt(variance / max(1, losses.length)),
  };
}

const decibel = (signal: number, noise: number): number => 10 * log10(signal / max(noise, 1e-12));

/**
 * How many samples later `reference` appears in `pcm`, the best within `reach` of a guess.
 * @param at sample of `reference` around which half a second is compared
 */
export function findLag(
  pcm: Float32Array,
  reference: Float32Array,
  { guess, reach, at }: { readonly guess: number; readonly reach: number; readonly at: number },
): number {
  const half = 12_000;
  const scoreOf = (lag: number, step: number): number => {
    let [product, energy] = [0, 1e-9];
    for (let i = max(0, at - half); i < at + half; i += step) {
      const value = pcm[i + lag] ?? 0;
      product += value * (reference[i] ?? 0);
      energy += value * value;
    }
    return product / sqrt(energy);
  };
  let best = { lag: guess, score: -Infinity };
  for (let lag = guess - reach; lag <= guess + reach; lag++) {
    const score = scoreOf(lag, 3);
    best = score > best.score ? { lag, score } : best;
  }
  let exact = { lag: best.lag, score: -Infinity };
  for (let lag = best.lag - 8; lag <= best.lag + 8; lag++) {
    const score = scoreOf(lag, 1);
    exact = score > exact.score ? { lag, score } : exact;
  }
  return exact.lag;
}
