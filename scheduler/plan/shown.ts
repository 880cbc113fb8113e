/**
 * What a closed mark has decided, for workers that make a segment while it comes: the same pictures and the same sound,
 * place for place, that the segment's task names afterwards. Pure.
 */
import { FRAME_FLAGS, type MarkEntry } from '#common/contracts/log';
import type {
  DecodeFrom,
  ShownEntry,
  ShownPicture,
  ShownSound,
} from '#common/contracts/early-task';
import type { VideoSpan } from '#common/contracts/task';
import { firstFrame, gridOf, segmentOfFrame, type Grid } from '#common/grid';
import {
  frameIndex,
  greatest,
  least,
  segmentNumber,
  type FrameIndex,
  type SamplePosition,
  type SegmentNumber,
} from '#common/time';
import { picturesClosedTo, soundClosedTo } from './closings.ts';
import { soundSpans } from './plan-sound.ts';
import { planVideo } from './plan-video.ts';
import { isStart, startOf } from './start-points.ts';
import {
  sessionOf,
  type AirState,
  type ChannelState,
  type SessionState,
  type VideoPlace,
} from './state.ts';

/** A picture that is up. */
export type Picture =
  | { readonly kind: 'slate' }
  | { readonly kind: 'frame'; readonly session: SessionState; readonly frame: VideoPlace };

/** How far entries have told what is shown and heard. */
export interface ShownSoFar {
  readonly broadcast: SegmentNumber;
  readonly pictures: FrameIndex;
  readonly sound: SamplePosition;
  /** The picture up in the last place told; undefined before the first. */
  readonly up: Picture | undefined;
}

/** How far a state has come; undefined where nothing is told of: off air, and in `standard`. */
export function shownSoFar(state: ChannelState): ShownSoFar | undefined {
  const { air } = state;
  return air === null || air.profile === 'standard'
    ? undefined
    : {
        broadcast: air.broadcast,
        pictures: picturesClosedTo(air),
        sound: soundClosedTo(air),
        up: pictureUp(state, air),
      };
}

/** The picture in the last place that is closed; undefined before the first. */
export function pictureUp(state: ChannelState, air: AirState): Picture | undefined {
  const closed = picturesClosedTo(air);
  if (closed === firstFrame(gridOf(air.fps), air.broadcast)) {
    return undefined;
  }
  return pictureAt(state, air, frameIndex(closed - 1));
}

/** The picture in a place that is closed, of a segment that is still known. */
export function pictureAt(state: ChannelState, air: AirState, at: FrameIndex): Picture | undefined {
  const changes = changesOf(state, air, segmentOfFrame(gridOf(air.fps), at));
  return changes.findLast(({ place }) => place <= at)?.picture;
}

/**
 * What a mark has decided.
 * @param soFar from the state before the mark
 * @param state right after it
 * @returns entries in order; none for marks that close nothing and for those that come again
 */
export function shownBy(
  soFar: ShownSoFar | undefined,
  mark: MarkEntry,
  state: ChannelState,
): readonly ShownEntry[] {
  if (soFar === undefined) {
    return [];
  }
  if (mark.t === 'off-air') {
    const { broadcast, last } = mark;
    return broadcast === soFar.broadcast ? [{ t: 'end', broadcast, last }] : [];
  }
  const { air } = state;
  if (air === null || air.broadcast !== soFar.broadcast) {
    return [];
  }
  switch (mark.t) {
    case 'picture-closed':
      return shownPictures(soFar, state, air);
    case 'sound-closed':
      return shownSound(soFar, state, air);
    default:
      return [];
  }
}

function shownSound(
  { broadcast, sound: from }: ShownSoFar,
  state: ChannelState,
  air: AirState,
): readonly ShownEntry[] {
  const to = soundClosedTo(air);
  if (to <= from) {
    return [];
  }
  const spans = soundSpans(state, air, { from, to }).map((span): ShownSound => {
    const { session, origin, rate, channels, firstK, lastK, fromSeq, fromChunk } = span;
    const samples = { from: span.from, to: span.to };
    return { session, origin, rate, channels, firstK, lastK, fromSeq, fromChunk, ...samples };
  });
  return [{ t: 'sound', broadcast, from, to, spans }];
}

type PicturesEntry = Extract<ShownEntry, { t: 'pictures' }>;

/** One entry for each segment and each session that pictures are of. */
function shownPictures(
  soFar: ShownSoFar,
  state: ChannelState,
  air: AirState,
): readonly ShownEntry[] {
  const grid = gridOf(air.fps);
  const to = picturesClosedTo(air);
  const entries: PicturesEntry[] = [];
  let { up, pictures: from } = soFar;
  while (from < to) {
    const n = segmentOfFrame(grid, from);
    const end = firstFrame(grid, segmentNumber(n + 1));
    const stop = least(to, end);
    const told: PicturesEntry[] = [];
    let session: SessionState | undefined;
    let entry: PicturesEntry = emptyEntry(soFar.broadcast, from, stop);
    told.push(entry);
    for (const { place, picture } of changesWithin(changesOf(state, air, n), from, stop)) {
      if (up !== undefined && isSame(up, picture)) {
        continue;
      }
      up = picture;
      if (picture.kind === 'frame') {
        if (session !== undefined && session !== picture.session) {
          entry.to = place;
          entry = emptyEntry(soFar.broadcast, place, stop);
          told.push(entry);
        }
        ({ session } = picture);
        entry.decode = earlierStart(entry.decode, session, picture.frame);
      }
      entry.shown.push(shownPicture(picture, place));
    }
    entries.push(...told);
    from = stop;
  }
  return entries;
}

const emptyEntry = (broadcast: SegmentNumber, from: FrameIndex, to: FrameIndex): PicturesEntry => ({
  t: 'pictures',
  broadcast,
  from,
  to,
  decode: null,
  shown: [],
});

/** The same picture, told. */
export const shownPicture = (picture: Picture, place: FrameIndex): ShownPicture =>
  picture.kind === 'slate'
    ? { kind: 'slate', place }
    : {
        kind: 'frame',
        place,
        seq: picture.frame.seq,
      };

const isSame = (a: Picture, b: Picture): boolean =>
  a.kind === 'frame' && b.kind === 'frame'
    ? a.session === b.session && a.frame.seq === b.frame.seq
    : a.kind === b.kind;

/** Where to decode a frame from, and what an entry has shown before it. */
export function earlierStart(
  known: DecodeFrom | null,
  session: SessionState,
  frame: VideoPlace,
): DecodeFrom | null {
  const start = startOf(session, frame);
  return start === undefined || (known !== null && known.fromSeq <= start.seq)
    ? known
    : { session: session.session, fromSeq: start.seq, fromChunk: start.chunk };
}

/** A picture goes up in a place. */
interface Change {
  readonly place: FrameIndex;
  readonly picture: Picture;
}

/** The changes at places `[from, to)`, the first of them at `from`. */
function changesWithin(changes: readonly Change[], from: FrameIndex, to: FrameIndex): Change[] {
  const at = changes.findLast(({ place }) => place <= from);
  const rest = changes.filter(({ place }) => place > from && place < to);
  return at === undefined ? rest : [{ place: from, picture: at.picture }, ...rest];
}

/** What goes up in a segment, as its workers choose it from its spans: in order of place, the first in the segment's first. */
function changesOf(state: ChannelState, air: AirState, n: SegmentNumber): readonly Change[] {
  const grid = gridOf(air.fps);
  const spans = planVideo(state, air, n);
  const chosen = spans.map((span, i) => chosenOf(state, span, { grid, n, isOpening: i === 0 }));
  // Where two spans have a picture for the same place, the later has it from its first picture on.
  let limit = Number.POSITIVE_INFINITY;
  const changes: Change[] = [];
  for (const own of chosen.toReversed()) {
    const kept = own.filter(({ place }) => place < limit);
    limit = Math.min(limit, ...own.map(({ place }) => place));
    changes.unshift(...kept);
  }
  return changes;
}

function chosenOf(
  state: ChannelState,
  span: VideoSpan,
  segment: { readonly grid: Grid; readonly n: SegmentNumber; readonly isOpening: boolean },
): readonly Change[] {
  const { grid, n, isOpening } = segment;
  const first = firstFrame(grid, n);
  const end = firstFrame(grid, segmentNumber(n + 1));
  if (span.kind === 'slate') {
    const place = greatest(span.from, first);
    return [{ place, picture: { kind: 'slate' } }];
  }
  const session = sessionOf(state, span.session);
  if (session === undefined) {
    return [];
  }
  const frames = decodableOf(session, span);
  const from = greatest(span.from, first);
  const to = least(span.to, end);
  const byPlace = new Map<FrameIndex, VideoPlace>();
  let held: VideoPlace | undefined;
  for (const frame of frames) {
    if (frame.late) {
      continue;
    }
    if (frame.index >= from && frame.index < to) {
      byPlace.set(frame.index, frame);
    } else if (frame.index < Math.min(from, span.to) && frame.index >= (held?.index ?? 0)) {
      held = frame;
    }
  }
  const opening = isOpening && !byPlace.has(first) ? held : undefined;
  return [...byPlace, ...(opening === undefined ? [] : [[first, opening] as const])]
    .map(([place, frame]): Change => {
      return { place, picture: { kind: 'frame', session, frame } };
    })
    .toSorted((a, b) => a.place - b.place);
}

/** The frames of a span from its start point on, in decode order, without pictures that refer to what went before. */
function decodableOf(
  { video }: SessionState,
  { fromSeq, toSeq }: { readonly fromSeq: number; readonly toSeq: number },
): readonly VideoPlace[] {
  const read = video.filter(({ seq }) => seq >= fromSeq && seq <= toSeq);
  const begin = read.findIndex(isStart);
  const start = read[begin];
  return start === undefined
    ? []
    : read
        .slice(begin)
        .filter(({ index }) => (start.flags & FRAME_FLAGS.idr) !== 0 || index >= start.index);
}
