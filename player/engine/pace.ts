/** What playback does about its distance from where it should be: a little faster, a little slower, or a jump. Pure. */

/** Playback that is off by more is put right by a jump; it costs a moment's picture. Seconds. */
const JUMP = 0.5;
/** The moment is lost already where there is no picture to show. */
const STARVING_JUMP = 0.15;
/** Off by more, it is put right; off by less, that ends: sound is stretched as seldom as can be. */
const BEGIN = 0.02;
const ENOUGH = 0.005;
/** The same where others are to show the same frame: the moment at which a screen changes it must lie in both. */
const BEGIN_IN_COMPANY = 0.004;
const ENOUGH_IN_COMPANY = 0.001;
/** How soon a small difference is to be gone, seconds. */
const WITHIN = 3;
const STRONGEST = 0.05;
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
  /** Others are to show the same frame. */
  readonly isInCompany?: boolean;
}

/**
 * The pace that brings playback to its place.
 * @param behind seconds by which it is behind its place; negative: ahead
 */
export function paceOf(
  behind: number,
  { rate, ahead, isStarving, isInCompany = false }: Playing,
): Pace {
  const begin = isInCompany ? BEGIN_IN_COMPANY : BEGIN;
  const enough = isInCompany ? ENOUGH_IN_COMPANY : ENOUGH;
  const isFar = Math.abs(behind) > (isStarving ? STARVING_JUMP : JUMP);
  if (isFar && ahead > 0) {
    return { kind: 'jump' };
  }
  const isCorrecting = rate !== 1 && Math.sign(behind) === Math.sign(rate - 1);
  if (Math.abs(behind) < (isCorrecting ? enough : begin)) {
    return { kind: 'rate', rate: 1 };
  }
  const wanted = Math.min(STRONGEST, Math.max(STEP, Math.abs(behind) / WITHIN));
  const steps = Math.max(1, Math.floor(wanted / STEP + 1e-9));
  return { kind: 'rate', rate: Math.round(100 + Math.sign(behind) * steps * 100 * STEP) / 100 };
}
