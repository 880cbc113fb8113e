/** With which renditions a broadcast begins: those that the workers can carry, unless its owner insists on all. Pure. */
import type { Admission } from '#common/contracts/admission';
import type { Profile } from '#common/contracts/channel';
import { FRAME_FLAGS } from '#common/contracts/log';
import type { Rendition } from '#common/contracts/rendition';
import type { Grid } from '#common/grid';
import { transcodeCores, type CostSource } from '#common/transcode-cost';
import type { SessionState } from './state.ts';

/** Where encoders put key frames when nobody told them to: x264, and OBS with it. */
const USUAL_KEYFRAME_FRAMES = 250;

/** What there is to transcode with. */
export interface Means {
  /** Cores free for this broadcast; null when no worker is known. */
  readonly freeCores: number | null;
  /** The owner wants the whole ladder, whatever it costs. */
  readonly isFixed: boolean;
}

/** What a broadcast begins with. */
export interface Admitted {
  readonly renditions: Rendition[];
  /** Undefined when nothing is known of what the workers can carry. */
  readonly admission: Admission | undefined;
}

const round = (cores: number): number => Math.round(cores * 100) / 100;

/** The same renditions without the dearest picture. */
function withoutDearest(renditions: readonly Rendition[]): Rendition[] {
  const pixels = (rendition: Rendition): number =>
    rendition.kind === 'video' ? rendition.width * rendition.height : 0;
  const most = Math.max(...renditions.map(pixels));
  return renditions.filter((rendition) => pixels(rendition) !== most);
}

const pictures = (renditions: readonly Rendition[]): number =>
  renditions.filter(({ kind }) => kind === 'video').length;

/** A session as far as its cost goes. As long as it has shown one key frame only, the next may be far. */
export function costSourceOf(
  { width, height }: { readonly width: number; readonly height: number },
  { video }: Pick<SessionState, 'video'>,
  profile: Profile,
): CostSource {
  const starts = video.filter(({ flags }) => (flags & FRAME_FLAGS.start) !== 0);
  const apart = starts.slice(1).map(({ index }, i) => index - (starts[i]?.index ?? index));
  return {
    width,
    height,
    keyframeFrames: apart.length === 0 ? USUAL_KEYFRAME_FRAMES : Math.max(...apart),
    isOnTime: profile !== 'standard',
  };
}

/** Leaves out the dearest picture until what is left fits, but never the last one. */
export function admit(
  ladder: readonly Rendition[],
  source: CostSource,
  grid: Grid,
  { freeCores, isFixed }: Means,
): Admitted {
  let renditions = [...ladder];
  if (freeCores === null) {
    return { renditions, admission: undefined };
  }
  const coresOf = (some: readonly Rendition[]): number => transcodeCores(some, source, grid);
  while (!isFixed && coresOf(renditions) > freeCores && pictures(renditions) > 1) {
    renditions = withoutDearest(renditions);
  }
  const kept = new Set(renditions.map(({ id }) => id));
  return {
    renditions,
    admission: {
      neededCores: round(coresOf(ladder)),
      takenCores: round(coresOf(renditions)),
      freeCores: round(freeCores),
      leftOut: ladder.map(({ id }) => id).filter((id) => !kept.has(id)),
    },
  };
}
