/** Where a segment's pictures come from. */
import type { VideoSpan } from '#common/contracts/task';
import { firstFrame, gridOf, type Grid } from '#common/grid';
import {
  frameIndex,
  greatest,
  least,
  segmentNumber,
  type FrameIndex,
  type SegmentNumber,
} from '#common/time';
import { shownStretches } from './sources.ts';
import {
  firstShowable,
  frameBefore,
  isOfFields,
  lastShowable,
  searchFrames,
  type Showable,
} from './start-points.ts';
import { sessionOf, type AirState, type ChannelState, type SessionState } from './state.ts';

/**
 * The spans of segment `n`, in order; the first is at or before its first frame, so every place has a picture. A
 * session's span may begin before the segment: with the frame that its first places repeat.
 */
export function planVideo(state: ChannelState, air: AirState, n: SegmentNumber): VideoSpan[] {
  const grid = gridOf(air.fps);
  const first = firstFrame(grid, n);
  const end = firstFrame(grid, segmentNumber(n + 1));
  const spans: VideoSpan[] = [];
  let shown: SessionState | undefined;
  for (const stretch of shownStretches(air)) {
    const { source } = stretch;
    if (source.kind === 'session') {
      shown = sessionOf(state, source.session);
    }
    const from = greatest(stretch.from, first);
    const to = least(stretch.to, end);
    if (from >= to) {
      continue;
    }
    const slate: VideoSpan = { kind: 'slate', from };
    switch (source.kind) {
      case 'slate':
        spans.push(slate);
        break;
      case 'hold':
        // Within a segment the span before goes on by itself.
        if (spans.length === 0) {
          spans.push((shown && heldFrame(shown, grid, stretch.from)) ?? slate);
        }
        break;
      case 'session': {
        // A stretch that ends here is held in later segments, which cannot know what comes after it.
        const goesOn = to === end && stretch.to > end;
        const span = shown && sessionSpan(shown, grid, { from, to, goesOn });
        if (spans.length === 0 && (span === undefined || span.from > from)) {
          spans.push(slate);
        }
        if (span !== undefined) {
          spans.push(span);
        }
      }
    }
  }
  return spans;
}

/** The last frame shown before `gapFrom`, alone. */
function heldFrame(session: SessionState, grid: Grid, gapFrom: FrameIndex): VideoSpan | undefined {
  const held = lastShowable(session, grid, frameIndex(gapFrom - 1));
  return held && spanOf(session, grid, held, { to: gapFrom, goesOn: false });
}

/**
 * Frames of `[from, to)`, and of the last place before that has one if `from` has none. Undefined when there is none,
 * or when decoding would have to begin too far back.
 */
function sessionSpan(
  session: SessionState,
  grid: Grid,
  {
    from,
    to,
    goesOn,
  }: { readonly from: FrameIndex; readonly to: FrameIndex; readonly goesOn: boolean },
): (VideoSpan & { kind: 'session' }) | undefined {
  const before = lastShowable(session, grid, from);
  const isNear = before !== undefined && from - before.start.index <= searchFrames(grid);
  const showable = isNear ? before : firstShowable(session, grid, from);
  return showable === undefined || showable.frame.index >= to
    ? undefined
    : spanOf(session, grid, showable, { to, goesOn });
}

/**
 * The span from a frame on. Frames of two fields are deinterlaced with the help of their neighbours: the one before the
 * first is read too, and if the session goes on beyond `to` the next.
 */
function spanOf(
  session: SessionState,
  grid: Grid,
  { frame, start }: Showable,
  { to, goesOn }: { readonly to: FrameIndex; readonly goesOn: boolean },
): VideoSpan & { kind: 'session' } {
  const from = frame.index;
  const before = frameBefore(session, grid, frame);
  const closing = goesOn ? lastShowable(session, grid, frameIndex(to - 1))?.frame : undefined;
  const after =
    closing !== undefined && isOfFields(closing)
      ? firstShowable(session, grid, to)?.frame
      : undefined;
  const begin = session.video.indexOf(start);
  const first = Math.min(begin, before === undefined ? begin : session.video.indexOf(before.start));
  const last = Math.max(
    session.video.findLastIndex(({ index }) => index < to),
    after === undefined ? -1 : session.video.indexOf(after),
  );
  const read = session.video.slice(first, last + 1);
  const chunks = read.map(({ chunk }) => chunk);
  return {
    kind: 'session',
    session: session.session,
    fromSeq: read[0]?.seq ?? start.seq,
    toSeq: Math.max(...read.map(({ seq }) => seq)),
    fromChunk: least(...chunks),
    toChunk: greatest(...chunks),
    from,
    to,
    // Also beyond the span: a worker must not take them for the frame that a hole repeats.
    late: read.filter(({ late, index }) => late && index >= from).map(({ seq }) => seq),
  };
}
