/** What playback does about its distance from where it should be: a little faster, a little slower, or a jump. Pure. */
import type { Company } from '../company.ts';

/** Playback that is off by more is put right by a jump; it costs a moment's picture. Seconds. */
const JUMP = 0.5;
/** The moment is lost already where there is no picture to show. */
const STARVING_JUMP = 0.15;
/** How closely a place is held, and how soon it is taken again. Seconds. */
interface Manner {
  /** Off by more, it is put right; off by less than {@link enough}, that ends. */
  readonly begin: number;
  readonly enough: number;
  /** How soon a small difference is to be gone. */
  readonly within: number;
  /** The most that a rate differs from 1. */
  readonly strongest: number;
}
/** Sound is stretched as seldom as can be, and so little that nobody hears it. */
const ALONE: Manner = { begin: 0.02, enough: 0.005, within: 3, strongest: 0.05 };
/** Where others are to show the same frame the moment at which a screen changes it must lie in both. */
const SOUND_IN_COMPANY: Manner = { ...ALONE, begin: 0.004, enough: 0.001 };
/** A picture without sound has nothing to be heard: frames apart are what is seen. */
const PICTURE_IN_COMPANY: Manner = { ...SOUND_IN_COMPANY, within: 0.5, strongest: 0.25 };
/** Rates are multiples of it: each change of rate costs the browser something. */
const STEP = 0.01;

/** What to do: a rate, or `jump` to where it should be. */
export type Pace = { readonly kind: 'rate'; readonly rate: number } | { readonly kind: 'jump' };

/** How playback goes now. */
export interface Playing {
  readonly rate: number;
  /** Seconds of media in hand after its place; a jump needs something to land on. */
  readonly ahead: number;
  /** There is nothing to play where it is: it stands, or only its sound goes on. */
  readonly isStarving: boolean;
  /** What it plays where others are to show the same frame; undefined: it plays alone. */
  readonly inCompany?: Company['track'] | undefined;
}

function mannerOf(inCompany: Company['track'] | undefined): Manner {
  if (inCompany === undefined) {
    return ALONE;
  }
  return inCompany === 'sound' ? SOUND_IN_COMPANY : PICTURE_IN_COMPANY;
}

/**
 * The pace that brings playback to its place.
 * @param behind seconds by which it is behind its place; negative: ahead
 */
export function paceOf(behind: number, { rate, ahead, isStarving, inCompany }: Playing): Pace {
  const { begin, enough, within, strongest } = mannerOf(inCompany);
  const isFar = Math.abs(behind) > (isStarving ? STARVING_JUMP : JUMP);
  if (isFar && ahead > 0) {
    return { kind: 'jump' };
  }
  const isCorrecting = rate !== 1 && Math.sign(behind) === Math.sign(rate - 1);
  if (Math.abs(behind) < (isCorrecting ? enough : begin)) {
    return { kind: 'rate', rate: 1 };
  }
  const wanted = Math.min(strongest, Math.max(STEP, Math.abs(behind) / within));
  const steps = Math.max(1, Math.floor(wanted / STEP + 1e-9));
  return { kind: 'rate', rate: Math.round(100 + Math.sign(behind) * steps * 100 * STEP) / 100 };
}
