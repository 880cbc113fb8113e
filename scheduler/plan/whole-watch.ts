/** Whole segments under way with workers, where they are made from all of their input: how late they are. Pure; times are the clock's. */
import { segmentSeconds, type Grid } from '#common/grid';
import { milliseconds, type Milliseconds, type SegmentNumber } from '#common/time';
import type { Lateness } from './danger.ts';

/** Segments that come are what tells: only where none has for so many segments' time, what is waited for does. */
const GOING_ON_SEGMENTS = 2;
/** More than this wait only where nothing is made at all. */
const MOST_WAITING = 1_000;

/** See the head of this file. */
export class WholeWatch {
  readonly #given = new Map<SegmentNumber, number>();
  #lastLate = 0;
  #wentOnAt: number | undefined;

  /** A segment's task is given out. */
  gave(n: SegmentNumber, now: Milliseconds): void {
    this.#given.set(n, now);
    for (const oldest of this.#given.keys()) {
      if (this.#given.size <= MOST_WAITING) {
        break;
      }
      this.#given.delete(oldest);
    }
  }

  /** How late work is, with what has been finished since the last look. */
  lateness(grid: Grid, now: Milliseconds, isOpen: (n: SegmentNumber) => boolean): Lateness {
    for (const [n, at] of this.#given) {
      if (!isOpen(n)) {
        this.#given.delete(n);
        this.#lastLate = now - at;
        this.#wentOnAt = now;
      }
    }
    const patience = GOING_ON_SEGMENTS * segmentSeconds(grid) * 1000;
    const isGoingOn = now - (this.#wentOnAt ?? Number.NEGATIVE_INFINITY) < patience;
    const waited = [...this.#given.values()].map((at) => now - at);
    const lateMs = milliseconds(isGoingOn ? this.#lastLate : Math.max(0, ...waited));
    return { lateMs, leastLateMs: lateMs, takenOverAt: undefined };
  }
}
