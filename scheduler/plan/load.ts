/** What a broadcast on air takes of the workers, with whatever is withheld of it. Pure. */
import type { Rendition } from '#common/contracts/rendition';
import { withheldAt } from '#common/contracts/shed';
import { gridOf } from '#common/grid';
import type { SegmentNumber } from '#common/time';
import { transcodeCores } from '#common/transcode-cost';
import { costSourceOf } from './admission.ts';
import { currentPicture } from './sources.ts';
import { sessionOf, type AirState, type ChannelState } from './state.ts';

const NOTHING: ReadonlySet<string> = new Set();

/** Cores that a broadcast takes without some of its renditions, in those of `common/transcode-cost.ts`. */
export function coresWithout(
  state: ChannelState,
  air: AirState,
  withheld: ReadonlySet<string> = NOTHING,
): number {
  const made = air.renditions.filter(({ id }) => !withheld.has(id));
  const session = sessionOf(state, currentPicture(air)?.session ?? '');
  const picture = session?.picture ?? largestOf(air.renditions);
  const source = costSourceOf(picture, { video: session?.video ?? [] }, air.profile);
  return transcodeCores(made, source, gridOf(air.fps));
}

/** A source is at least as large as what was made of it. */
function largestOf(renditions: readonly Rendition[]): { width: number; height: number } {
  const sizes = renditions.flatMap((rendition) => (rendition.kind === 'video' ? [rendition] : []));
  return {
    width: Math.max(0, ...sizes.map(({ width }) => width)),
    height: Math.max(0, ...sizes.map(({ height }) => height)),
  };
}

/** Cores that segment `n` of a broadcast takes; 0 where nothing was known of the workers when it began. */
export function coresAt(state: ChannelState, air: AirState, n: SegmentNumber): number {
  const withheld = withheldAt(air, n);
  return air.admission === undefined || withheld.size === 0
    ? (air.admission?.takenCores ?? 0)
    : coresWithout(state, air, withheld);
}
