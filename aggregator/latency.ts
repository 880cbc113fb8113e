/**
 * How far behind the grid's time players are to be where there are parts, by profile: the one place that says so, for HLS and DASH
 * alike. Pure; seconds.
 */
import type { Profile } from '#common/contracts/channel';

/** See the head of this file. */
export interface PlayersLatency {
  /** Where players begin and hold themselves. */
  readonly target: number;
  /** Nobody is nearer: our own engine goes there, if fragments come so soon. */
  readonly min: number;
  readonly max: number;
}

/**
 * In `low` what every player has in hand is to last while a worker that died is replaced (ADR 16). 1.76 s are 44 steps of our own
 * engine's distance: all three players stand within a twentieth of a second of each other there.
 */
export const LATENCY: Readonly<Record<Exclude<Profile, 'standard'>, PlayersLatency>> = {
  low: { target: 1.76, min: 1.76, max: 4 },
  instant: { target: 0.9, min: 0.4, max: 3 },
};

/** `PART-HOLD-BACK` is two part targets at least, three are recommended (draft-pantos-hls-rfc8216bis §4.4.3.8). */
const HOLD_BACK_PARTS = 3;
/** How long after its last frame a part is in the playlist that a player has: hls.js counts its distance from then on. */
const PART_IN_HAND = 0.1;

/**
 * `PART-HOLD-BACK`, so much that players of HLS are no nearer than {@link PlayersLatency.min} either.
 * @param partTarget the longest of all renditions
 */
export function partHoldBack(profile: Profile, partTarget: number): number {
  const least = profile === 'standard' ? 0 : LATENCY[profile].min - PART_IN_HAND;
  return Math.max(HOLD_BACK_PARTS * partTarget, least);
}
