/**
 * Which coded pictures a segment is decoded from, and the timestamp each gets on the way into ffmpeg.
 *
 * A shown picture's timestamp is exactly its place in the segment; one that is only decoded is put some ticks
 * before the next shown one, in the same place, where ffmpeg's `fps` filter replaces it. So what is shown where is
 * decided here, by the log's frame indices, and `fps` only repeats pictures into holes.
 *
 * Pictures of two fields are deinterlaced from themselves and their neighbours. So the ones before the first and after
 * the last shown come along at their own places, outside the segment: what is made of a picture's fields is then the
 * same whichever segment it is made for. The deinterlacer puts a second field half-way to the next picture, so every
 * picture lies where it does in the feed, also before the segment.
 */
import { isDisposable } from '#common/codec/h264/nal-units';
import type { VideoFrame } from '#common/contracts/frame';
import { FRAME_FLAGS } from '#common/contracts/log';
import { PipelineError } from '#common/errors';
import type { Grid } from '#common/grid';
import type { FrameIndex } from '#common/time';

/** A span of the task with its coded frames, in order of arrival. */
export type PictureSource =
  | {
      readonly kind: 'session';
      readonly from: number;
      readonly to: number;
      readonly late: readonly number[];
      readonly frames: readonly VideoFrame[];
    }
  | { readonly kind: 'slate'; readonly from: number; readonly data: Uint8Array };

/** A coded picture on its way into the decoder. */
export interface PlannedPicture {
  readonly data: Uint8Array;
  /** In ticks of the plan's timescale. */
  readonly pts: number;
}

/** See the head of this file. */
export interface PicturePlan {
  /** In decode order. */
  readonly pictures: readonly PlannedPicture[];
  /** Ticks a second. */
  readonly timescale: number;
  /** Where the segment's first frame lies, seconds, as the `fps` filter wants it. */
  readonly startSeconds: string;
  /**
   * Set when pictures of two fields are among the shown ones: then the deinterlacer must get the pictures whose
   * timestamps are whole multiples of this, and no others.
   */
  readonly fieldTicks: number | undefined;
  /**
   * Second fields before a gap: the deinterlacer puts them half-way into it. Where it does, and where they belong, in
   * half ticks.
   */
  readonly secondFields: readonly { readonly from: number; readonly to: number }[];
}

/** Places from a picture of two fields to the next, beyond which there is a gap between them. */
const LONGEST_STRIDE = 3;

/**
 * The segment's first place. Before it lie pictures that are only decoded, and those whose second field or repetition
 * the segment begins with: up to 20 s before. In whole microseconds at every rate, as `fps` counts.
 */
export const FIRST_PLACE = 1_500;
/** Ticks in a place, at least: half of them take the pictures that are only decoded, up to 20 s at 60 fps. */
const MIN_PLACE_TICKS = 4_000;

interface Candidate {
  readonly data: Uint8Array;
  /** Presentation order within its source. */
  readonly index: number;
  /** Where it lies, counted in places; undefined when it is only decoded. */
  place: number | undefined;
  readonly hasFields: boolean;
}

const hasFields = ({ flags }: VideoFrame): boolean => (flags & FRAME_FLAGS.fields) !== 0;

/**
 * Plans the pictures of the segment `[first, first + G)`.
 * @throws PipelineError `INPUT_MISSING` when nothing in the sources can be shown
 */
export function planPictures(
  grid: Grid,
  first: FrameIndex,
  sources: readonly PictureSource[],
): PicturePlan {
  const perFrame = grid.den === 1 ? 4_096 : Math.ceil(MIN_PLACE_TICKS / grid.den);
  const placeTicks = perFrame * grid.den;
  const end = first + grid.segmentFrames;
  const decoded: Candidate[][] = sources.map((source, i) =>
    source.kind === 'slate'
      ? [
          {
            data: source.data,
            index: 0,
            place: Math.max(0, source.from - first) + FIRST_PLACE,
            hasFields: false,
          },
        ]
      : selectFrames(source, first, end, { isOpening: i === 0, isLast: i === sources.length - 1 }),
  );
  keepLaterSources(decoded);
  showHeld(decoded.flat());
  // Presentation order over all sources; each source is sorted by itself, they follow one another.
  const presented = decoded.flatMap((list) => list.toSorted((a, b) => a.index - b.index));
  if (presented.every((picture) => picture.place === undefined)) {
    throw new PipelineError('INPUT_MISSING', `no picture to show from frame ${first}`);
  }
  const pts = new Map<Candidate, number>();
  // What is only decoded and presented after all else lies beyond the segment.
  const lastPlace = Math.max(...presented.map(({ place }) => place ?? 0));
  let next = (Math.max(lastPlace, FIRST_PLACE + grid.segmentFrames) + 2) * placeTicks;
  let nextPlace = next;
  for (const picture of presented.toReversed()) {
    next = picture.place === undefined ? next - 1 : picture.place * placeTicks;
    nextPlace = picture.place === undefined ? nextPlace : next;
    if (nextPlace - next >= placeTicks / 2) {
      throw new PipelineError('BAD_MEDIA', 'too many pictures between two shown ones');
    }
    pts.set(picture, next);
  }
  return {
    pictures: decoded.flat().map((picture) => ({ data: picture.data, pts: pts.get(picture) ?? 0 })),
    timescale: grid.num * perFrame,
    startSeconds: ((FIRST_PLACE * grid.den) / grid.num).toFixed(9),
    fieldTicks: presented.some((picture) => picture.hasFields && picture.place !== undefined)
      ? placeTicks
      : undefined,
    secondFields: secondFieldsBeforeGaps(presented, placeTicks),
  };
}

function secondFieldsBeforeGaps(
  presented: readonly Candidate[],
  placeTicks: number,
): PicturePlan['secondFields'] {
  let before: Candidate | undefined;
  return presented.flatMap((picture) => {
    const { place } = picture;
    if (place === undefined) {
      return [];
    }
    const last = before;
    before = picture;
    return last?.place !== undefined && last.hasFields && place - last.place > LONGEST_STRIDE
      ? [{ from: (last.place + place) * placeTicks, to: 2 * (last.place + 1) * placeTicks }]
      : [];
  });
}

/**
 * A segment with no picture of its own repeats the last one before it, which must then lie in the first place; of two
 * fields the second. The deinterlacer puts that as far after the first as the first is after the picture before.
 */
function showHeld(pictures: readonly Candidate[]): void {
  const placed = pictures
    .filter((picture) => picture.place !== undefined)
    // By place: indices are of each source, and the slate has none.
    .toSorted((a, b) => (a.place ?? 0) - (b.place ?? 0));
  const held = placed.at(-1);
  if (held?.place === undefined || held.place >= FIRST_PLACE) {
    return;
  }
  const before = placed.at(-2);
  held.place = before === undefined ? FIRST_PLACE : FIRST_PLACE - 1;
  if (before !== undefined) {
    before.place = FIRST_PLACE - 3;
  }
}

/** Where two sources have a picture for the same place, the later source has it from its first picture on. */
function keepLaterSources(decoded: readonly Candidate[][]): void {
  let limit = Infinity;
  for (const list of decoded.toReversed()) {
    const places = list.flatMap((picture) => picture.place ?? []);
    for (const picture of list) {
      if (picture.place !== undefined && picture.place >= limit) {
        picture.place = undefined;
      }
    }
    limit = Math.min(limit, ...places);
  }
}

/**
 * The frames of a session that must be decoded, in decode order, with the places of the shown ones. Left out are:
 * leading pictures of an open GOP's start, whatever follows the last shown picture in decode order, and pictures
 * to which no other refers and which are not shown. None of these changes what the rest decodes to.
 */
function selectFrames(
  source: Extract<PictureSource, { kind: 'session' }>,
  first: number,
  end: number,
  { isOpening, isLast }: { readonly isOpening: boolean; readonly isLast: boolean },
): Candidate[] {
  const begin = source.frames.findIndex((frame) => (frame.flags & FRAME_FLAGS.start) !== 0);
  const start = source.frames[begin];
  if (start === undefined) {
    return [];
  }
  const frames = source.frames
    .slice(begin)
    .filter((frame) => (start.flags & FRAME_FLAGS.idr) !== 0 || frame.index >= start.index);
  const shown = chooseShown(frames, source, first, end, isOpening);
  const placed = new Map(shown);
  if (isOpening) {
    addBefore(placed, frames, first);
  }
  if (isLast && source.to >= end) {
    addAfter(placed, frames, first, end);
  }
  const lastPlaced = frames.findLastIndex((frame) => placed.has(frame));
  return frames
    .slice(0, lastPlaced + 1)
    .filter((frame) => placed.has(frame) || !isDisposable(frame.data))
    .map((frame) => ({
      data: frame.data,
      index: frame.index,
      place: placed.get(frame),
      hasFields: hasFields(frame),
    }));
}

/** The place of a picture outside the segment, where there is room for it. */
const outerPlace = (index: number, first: number): number =>
  Math.max(1, index - first + FIRST_PLACE);

/** Places the picture before the first placed one, if that is of fields. */
function addBefore(
  placed: Map<VideoFrame, number>,
  frames: readonly VideoFrame[],
  first: number,
): void {
  const opening = [...placed.keys()].reduce<VideoFrame | undefined>(
    (least, frame) => (least === undefined || frame.index < least.index ? frame : least),
    undefined,
  );
  if (opening === undefined || !hasFields(opening)) {
    return;
  }
  let before: VideoFrame | undefined;
  for (const frame of frames) {
    if (frame.index < opening.index && frame.index >= (before?.index ?? 0)) {
      before = frame;
    }
  }
  if (before !== undefined) {
    placed.set(before, Math.min(outerPlace(before.index, first), (placed.get(opening) ?? 0) - 1));
  }
}

/** Places the picture after the segment, if the last placed one is of fields. */
function addAfter(
  placed: Map<VideoFrame, number>,
  frames: readonly VideoFrame[],
  first: number,
  end: number,
): void {
  const closing = [...placed.keys()].reduce<VideoFrame | undefined>(
    (most, frame) => (most === undefined || frame.index > most.index ? frame : most),
    undefined,
  );
  if (closing === undefined || !hasFields(closing)) {
    return;
  }
  let after: VideoFrame | undefined;
  for (const frame of frames) {
    if (frame.index >= end && (after === undefined || frame.index < after.index)) {
      after = frame;
    }
  }
  if (after !== undefined) {
    placed.set(after, outerPlace(after.index, first));
  }
}

/** The shown frames with their places: of two in one place the later one. */
function chooseShown(
  frames: readonly VideoFrame[],
  source: Extract<PictureSource, { kind: 'session' }>,
  first: number,
  end: number,
  isOpening: boolean,
): Map<VideoFrame, number> {
  const late = new Set(source.late);
  const from = Math.max(source.from, first);
  const to = Math.min(source.to, end);
  const byIndex = new Map<number, VideoFrame>();
  let before: VideoFrame | undefined;
  for (const frame of frames) {
    if (late.has(frame.seq)) {
      continue;
    }
    if (frame.index >= from && frame.index < to) {
      byIndex.set(frame.index, frame);
    } else if (frame.index < Math.min(from, source.to) && frame.index >= (before?.index ?? 0)) {
      before = frame;
    }
  }
  const shown = new Map<VideoFrame, number>();
  for (const frame of byIndex.values()) {
    shown.set(frame, frame.index - first + FIRST_PLACE);
  }
  if (isOpening && before !== undefined && !byIndex.has(first)) {
    shown.set(
      before,
      hasFields(before) ? Math.max(2, outerPlace(before.index, first)) : FIRST_PLACE,
    );
  }
  return shown;
}
