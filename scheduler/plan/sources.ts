/** What the broadcast shows, stretch by stretch. */
import type { Source } from '#common/contracts/log';
import { frameIndex, type FrameIndex } from '#common/time';
import { gridOf, type Grid } from '#common/grid';
import type { AirState } from './state.ts';

/** How long the last frame is held before the slate comes. */
const HOLD_SECONDS = 2;

/** Frames `[from, to)` show one source. `to` is infinite for the source in effect. */
export interface Stretch {
  readonly from: FrameIndex;
  readonly to: number;
  readonly source: Source;
}

/** Every stretch still known, in order. */
export function stretchesOf(air: AirState): readonly Stretch[] {
  return air.sources.map(({ from, source }, at) => ({
    from: frameIndex(from),
    to: air.sources[at + 1]?.from ?? Number.POSITIVE_INFINITY,
    source,
  }));
}

/** The latest session mark, the one in effect unless `gapFrom` is set. */
export interface Current {
  readonly session: string;
  /** Where hold began after it, or undefined while the session is shown. */
  readonly gapFrom: number | undefined;
  readonly isSlate: boolean;
}

/** What is shown now. Undefined only before a broadcast's first source mark. */
export function currentSource(air: AirState): Current | undefined {
  const at = air.sources.findLastIndex(({ source }) => source.kind === 'session');
  const mark = air.sources[at];
  if (mark?.source.kind !== 'session') {
    return undefined;
  }
  return {
    session: mark.source.session,
    gapFrom: air.sources[at + 1]?.from,
    isSlate: air.sources.at(-1)?.source.kind === 'slate',
  };
}

/** The frame at which a hold that began at `gapFrom` gives way to the slate. */
export const slateFrom = (grid: Grid, gapFrom: number): number =>
  gapFrom + Math.ceil((HOLD_SECONDS * grid.num) / grid.den);

/** The marks a segment that begins at `frame` can still need: those in effect from a second before it. */
export function sourcesSince(air: AirState, frame: number): AirState['sources'] {
  const { num, den } = gridOf(air.fps);
  const since = frame - Math.ceil(num / den);
  let at = Math.max(
    0,
    air.sources.findLastIndex(({ from }) => from <= since),
  );
  // A hold needs to know whose frame it holds.
  while (at > 0 && air.sources[at]?.source.kind !== 'session') {
    at -= 1;
  }
  return air.sources.slice(at);
}
