/** What the broadcast shows and what of it is heard, stretch by stretch. */
import type { Source } from '#common/contracts/log';
import { frameIndex, samplePosition, type FrameIndex, type SamplePosition } from '#common/time';
import { gridOf, type Grid } from '#common/grid';
import type { AirState } from './state.ts';

/** How long the last frame is held before the slate comes. */
const HOLD_SECONDS = 2;

/** Frames `[from, to)` show one source. `to` is infinite for the source in effect. */
export interface ShownStretch {
  readonly from: FrameIndex;
  readonly to: FrameIndex;
  readonly source: Source;
}

/** Every stretch still known, in order. */
export function shownStretches({ pictures }: AirState): readonly ShownStretch[] {
  return pictures.map(({ from, source }, at) => ({
    from,
    to: pictures[at + 1]?.from ?? frameIndex(Number.POSITIVE_INFINITY),
    source,
  }));
}

/** Samples `[from, to)` are a session's sound, where it has any. `to` is infinite for the session in effect. */
export interface HeardStretch {
  readonly from: SamplePosition;
  readonly to: SamplePosition;
  readonly session: string;
}

/** Every stretch still known, in order. */
export function heardStretches({ sounds }: AirState): readonly HeardStretch[] {
  return sounds.map(({ from, session }, at) => ({
    from,
    to: sounds[at + 1]?.from ?? samplePosition(Number.POSITIVE_INFINITY),
    session,
  }));
}

/** The latest session that was shown, the one in effect unless `gapFrom` is set. */
export interface CurrentPicture {
  readonly session: string;
  /** Where it began. */
  readonly from: FrameIndex;
  /** Where hold began after it, or undefined while the session is shown. */
  readonly gapFrom: FrameIndex | undefined;
  readonly isSlate: boolean;
}

/** What is shown now. Undefined only before a broadcast's first mark. */
export function currentPicture({ pictures }: AirState): CurrentPicture | undefined {
  const at = pictures.findLastIndex(({ source }) => source.kind === 'session');
  const mark = pictures[at];
  if (mark?.source.kind !== 'session') {
    return undefined;
  }
  return {
    session: mark.source.session,
    from: mark.from,
    gapFrom: pictures[at + 1]?.from,
    isSlate: pictures.at(-1)?.source.kind === 'slate',
  };
}

/** The frame at which a hold that began at `gapFrom` gives way to the slate. */
export const slateFrom = (grid: Grid, gapFrom: FrameIndex): FrameIndex =>
  frameIndex(gapFrom + Math.ceil((HOLD_SECONDS * grid.num) / grid.den));

/** The marks a segment that begins at `frame` can still need: those in effect from a second before it. */
export function picturesSince(
  { fps, pictures }: AirState,
  frame: FrameIndex,
): AirState['pictures'] {
  const { num, den } = gridOf(fps);
  const since = frame - Math.ceil(num / den);
  let at = Math.max(
    0,
    pictures.findLastIndex(({ from }) => from <= since),
  );
  // A hold needs to know whose frame it holds.
  while (at > 0 && pictures[at]?.source.kind !== 'session') {
    at -= 1;
  }
  return pictures.slice(at);
}

/** The marks of sound that are in effect from 48 kHz position `sample` on. */
export const soundsSince = ({ sounds }: AirState, sample: SamplePosition): AirState['sounds'] =>
  sounds.slice(
    Math.max(
      0,
      sounds.findLastIndex(({ from }) => from <= sample),
    ),
  );

/** The sessions that the marks still known name. */
export const sessionsOnAir = (air: AirState | null): ReadonlySet<string> =>
  new Set([
    ...(air?.pictures ?? []).flatMap(({ source }) =>
      source.kind === 'session' ? [source.session] : [],
    ),
    ...(air?.sounds ?? []).map(({ session }) => session),
  ]);
