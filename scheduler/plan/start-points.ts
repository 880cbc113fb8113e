/** Where decoding may start, and which frames can therefore be shown. */
import { FRAME_FLAGS } from '#common/contracts/log';
import type { Grid } from '#common/grid';
import { frameIndex, type FrameIndex } from '#common/time';
import type { SessionState, VideoPlace } from './state.ts';

/** A start point further back than this is not used: no task decodes more than that ahead of its segment. */
const LONGEST_SEARCH_SECONDS = 20;

/** Frames in {@link LONGEST_SEARCH_SECONDS}. */
export const searchFrames = (grid: Grid): number =>
  Math.ceil((LONGEST_SEARCH_SECONDS * grid.num) / grid.den);

/** Whether decoding may start at this frame. */
export const isStart = (frame: VideoPlace): boolean => (frame.flags & FRAME_FLAGS.start) !== 0;

/** A frame to show and the start point from which it is decoded. */
export interface Showable {
  readonly frame: VideoPlace;
  readonly start: VideoPlace;
}

/**
 * The first frame, in presentation order, at or after `min` that is not late and can be decoded. Pictures that lead
 * their session's first start point refer to what never came, so they do not count.
 */
export function firstShowable(
  session: SessionState,
  grid: Grid,
  min: FrameIndex,
): Showable | undefined {
  if (session.highest < min) {
    return undefined;
  }
  return best(session, grid, (frame, chosen) => {
    return frame.index >= min && (chosen === undefined || frame.index < chosen.index);
  });
}

/** The last frame, in presentation order, at or before `max` that is not late and can be decoded. */
export function lastShowable(
  session: SessionState,
  grid: Grid,
  max: FrameIndex,
): Showable | undefined {
  return best(session, grid, (frame, chosen) => {
    return frame.index <= max && (chosen === undefined || frame.index > chosen.index);
  });
}

/** Whether a frame is two fields. */
export const isOfFields = (frame: VideoPlace): boolean => (frame.flags & FRAME_FLAGS.fields) !== 0;

/** The frame before one of two fields, which is deinterlaced with its help; undefined for others, or if there is none near. */
export function frameBefore(
  session: SessionState,
  grid: Grid,
  frame: VideoPlace,
): Showable | undefined {
  const before = isOfFields(frame)
    ? lastShowable(session, grid, frameIndex(frame.index - 1))
    : undefined;
  const isNear = before !== undefined && frame.index - before.start.index <= searchFrames(grid);
  return isNear ? before : undefined;
}

/** The start point from which a picture is decoded, however far back; undefined if none is known. */
export function startOf({ video }: SessionState, frame: VideoPlace): VideoPlace | undefined {
  const starts = video.slice(0, video.indexOf(frame) + 1).filter(isStart);
  const start = starts.at(-1);
  return start !== undefined && start.index > frame.index ? starts.at(-2) : start;
}

function best(
  session: SessionState,
  grid: Grid,
  isBetter: (frame: VideoPlace, chosen: VideoPlace | undefined) => boolean,
): Showable | undefined {
  const reach = searchFrames(grid);
  let chosen: Showable | undefined;
  // Starts rise in decode order and in presentation order alike; a leading picture needs the start before the last.
  let start: VideoPlace | undefined;
  let earlier: VideoPlace | undefined;
  for (const frame of session.video) {
    if (isStart(frame)) {
      earlier = start;
      start = frame;
    }
    const from = start !== undefined && start.index > frame.index ? earlier : start;
    if (
      from !== undefined &&
      !frame.late &&
      frame.index - from.index <= reach &&
      isBetter(frame, chosen?.frame)
    ) {
      chosen = { frame, start: from };
    }
  }
  return chosen;
}
