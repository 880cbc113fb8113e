/**
 * When each frame of a feed happened, and when it was sent. The feed is a clip encoded beforehand and sent over and
 * over; frames are counted from the feed's first on, in the order in which they are shown. Pure.
 */
import { FLV_TAG, compositionTime, isPicture, type FlvTag } from '../../test/helpers/flv.ts';
import type { TimedTag } from '../../test/helpers/publish-clip.ts';
import { repeated, type Loop } from '../../test/soak/loop.ts';

/** See the head of this file. Times are milliseconds of the wall clock. */
export interface Timetable {
  readonly frameMs: number;
  /** Frames until the clip, and with it the stamps, begin anew. */
  readonly clipFrames: number;
  /**
   * The moment at which a camera would have taken the frame: the latest that lets every frame of the clip be sent, at
   * its place in the coded order, no earlier than it was taken.
   */
  readonly takenAt: (frame: number) => number;
  /** The moment at which its last byte was due on its way. */
  readonly sentAt: (frame: number) => number;
}

/**
 * The timetable of a loop.
 * @param startedAt when time 0 of the tags was sent
 * @throws RangeError when the loop has no picture
 */
export function timetableOf(loop: Loop, startedAt: number): Timetable {
  const pictures = loop.body.filter(isPicture);
  const [first] = pictures;
  if (first === undefined) {
    throw new RangeError('the clip has no picture');
  }
  const frameMs = loop.period / pictures.length;
  const latestOffset = Math.max(...pictures.map(compositionTime));
  const shownFirst = Math.min(...pictures.map((tag) => tag.timestamp + compositionTime(tag)));
  const sent = pictures
    .toSorted((a, b) => a.timestamp + compositionTime(a) - b.timestamp - compositionTime(b))
    .map(({ timestamp }) => timestamp);
  const origin = startedAt + shownFirst - latestOffset;
  return {
    frameMs,
    clipFrames: pictures.length,
    takenAt: (frame) => origin + frame * frameMs,
    sentAt: (frame) => {
      const round = Math.floor(frame / sent.length);
      return startedAt + (sent[frame - round * sent.length] ?? 0) + round * loop.period;
    },
  };
}

/** The newest frame with a stamp that had been taken by a moment. */
export function frameOf(timetable: Timetable, stamp: number, at: number): number {
  const { clipFrames, frameMs } = timetable;
  const rounds = Math.floor((at - timetable.takenAt(stamp)) / (clipFrames * frameMs));
  return stamp + Math.max(0, rounds) * clipFrames;
}

/** The tags of a loop for some time, each with its moment; timestamps are whole milliseconds, as in RTMP. */
export function tagsFor(loop: Loop, ms: number): TimedTag[] {
  const tags: TimedTag[] = [];
  for (const tag of repeated(loop)) {
    if (tag.timestamp > ms) {
      return tags;
    }
    tags.push({ tag: { ...tag, timestamp: Math.round(tag.timestamp) }, at: tag.timestamp });
  }
  return tags;
}

/** Where a loop begins: its first coded picture. */
export const firstPictureAt = (tags: readonly FlvTag[]): number =>
  tags.find((tag) => tag.type === FLV_TAG.video && isPicture(tag))?.timestamp ?? 0;
