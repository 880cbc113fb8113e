/** What a viewer saw: how old each picture was when it was shown, and where the picture stood still. Pure. */
import { spreadOf, type Spread } from './percentiles.ts';
import { frameOf, type Timetable } from './timetable.ts';

/** A picture as the browser presented it. */
export interface Presented {
  /** When it was to be visible, milliseconds of the wall clock. */
  readonly at: number;
  /** Pictures the browser has presented so far, those that were not looked at included. */
  readonly count: number;
  readonly rate: number;
  readonly height: number;
  /** Of the source frame in the picture; undefined when it could not be read. */
  readonly stamp: number | undefined;
  /** Seconds behind the clock that the page itself shows, where it was asked. */
  readonly told: number | undefined;
}

/** See the head of this file. Milliseconds. */
export interface Viewing {
  readonly latency: Spread;
  /** Of the time before the measurement began. */
  readonly beginning: Spread;
  readonly stalls: readonly Stall[];
  /** Pictures that could not be read. */
  readonly unread: number;
  /** What the page told minus what was read. */
  readonly told: Spread;
  /** Pictures of each height. */
  readonly heights: ReadonlyMap<number, number>;
}

/** The picture stood still. */
export interface Stall {
  readonly at: number;
  readonly ms: number;
}

/** So many frames longer than a picture is due to be shown, and it stands still. */
const PATIENCE_FRAMES = 2;

/**
 * The times at which the picture stood still: it changed later than its own length allows, at the rate of playback, and
 * two frames more. Pictures that were presented and not looked at count as changes.
 * @param until the end of the watch: a picture that stays to the end stands still too
 */
export function stallsIn(
  presented: readonly Presented[],
  frameMs: number,
  from: number,
  until: number,
): Stall[] {
  const stalls: Stall[] = [];
  let last: Presented | undefined;
  const look = (at: number, changes: number): void => {
    if (last === undefined || last.at < from) {
      return;
    }
    const ms = at - last.at;
    if (ms > (changes / last.rate + PATIENCE_FRAMES) * frameMs) {
      stalls.push({ at: last.at, ms });
    }
  };
  for (const picture of presented) {
    if (picture.stamp !== undefined && picture.stamp === last?.stamp) {
      continue;
    }
    look(picture.at, Math.max(1, picture.count - (last?.count ?? 0)));
    last = picture;
  }
  look(until, 1);
  return stalls;
}

/**
 * What was seen.
 * @param settleMs so long after the first picture the measurement begins
 * @param until the end of the watch
 */
export function viewingOf(
  presented: readonly Presented[],
  timetable: Timetable,
  settleMs: number,
  until: number,
): Viewing {
  const from = (presented[0]?.at ?? 0) + settleMs;
  const read = presented.flatMap((picture) =>
    picture.stamp === undefined
      ? []
      : [{ ...picture, latency: picture.at - takenAt(timetable, picture.stamp, picture.at) }],
  );
  const heights = new Map<number, number>();
  for (const { at, height } of presented) {
    if (at >= from) {
      heights.set(height, (heights.get(height) ?? 0) + 1);
    }
  }
  return {
    latency: spreadOf(read.flatMap(({ at, latency }) => (at < from ? [] : latency))),
    beginning: spreadOf(read.flatMap(({ at, latency }) => (at < from ? latency : []))),
    stalls: stallsIn(presented, timetable.frameMs, from, until),
    unread: presented.length - read.length,
    told: spreadOf(
      read.flatMap(({ at, told, latency }) =>
        at < from || told === undefined ? [] : told * 1000 - latency,
      ),
    ),
    heights,
  };
}

const takenAt = (timetable: Timetable, stamp: number, at: number): number =>
  timetable.takenAt(frameOf(timetable, stamp, at));

/** When each frame was first shown. */
export function firstShown(
  presented: readonly Presented[],
  timetable: Timetable,
): ReadonlyMap<number, number> {
  const shown = new Map<number, number>();
  for (const { stamp, at } of presented) {
    if (stamp !== undefined) {
      const frame = frameOf(timetable, stamp, at);
      shown.set(frame, Math.min(at, shown.get(frame) ?? at));
    }
  }
  return shown;
}
