/**
 * Frames arrive in decode order and get their places in presentation order. A frame's turn in presentation order is
 * known once a frame with a decode time at or after its presentation time has arrived; without B-frames that is at once.
 */

/** Most frames waiting: H.264 reorders at most 16 (Rec. ITU-T H.264 §A.3.1, max_dec_frame_buffering). */
const MAX_WAITING = 32;
/** Longest wait, milliseconds of decode time. */
const MAX_WAIT = 1000;

/** What is ordered: times in milliseconds. */
export interface Ordered {
  readonly dts: number;
  readonly pts: number;
}

interface Slot<T> {
  readonly frame: T;
  index: number | undefined;
}

/** See the head of this file. */
export class PresentationOrder<T extends Ordered> {
  /** In decode order; the head leaves first. */
  #queue: Slot<T>[] = [];
  /** Those of the queue without a place, in presentation order. */
  #waiting: Slot<T>[] = [];
  readonly #place: (frame: T) => number;

  /** @param place called once a frame, in presentation order; gives its place on the grid */
  constructor(place: (frame: T) => number) {
    this.#place = place;
  }

  /** Takes the next frame in decode order; gives those whose places are known, in decode order. */
  push(frame: T): { readonly frame: T; readonly index: number }[] {
    const slot: Slot<T> = { frame, index: undefined };
    this.#queue.push(slot);
    let at = this.#waiting.length;
    while (at > 0 && (this.#waiting[at - 1]?.frame.pts ?? 0) > frame.pts) {
      at -= 1;
    }
    this.#waiting.splice(at, 0, slot);
    let overdue = Number.NEGATIVE_INFINITY;
    const head = this.#queue[0];
    if (head !== undefined && head.index === undefined && head.frame.dts <= frame.dts - MAX_WAIT) {
      overdue = head.frame.pts;
    }
    while (
      this.#waiting[0] !== undefined &&
      (this.#waiting[0].frame.pts <= Math.max(frame.dts, overdue) ||
        this.#waiting.length > MAX_WAITING)
    ) {
      this.#settle();
    }
    return this.#known();
  }

  /** Gives all that is left. */
  flush(): { readonly frame: T; readonly index: number }[] {
    while (this.#waiting.length > 0) {
      this.#settle();
    }
    return this.#known();
  }

  #settle(): void {
    const slot = this.#waiting.shift();
    if (slot !== undefined) {
      slot.index = this.#place(slot.frame);
    }
  }

  #known(): { readonly frame: T; readonly index: number }[] {
    const known: { readonly frame: T; readonly index: number }[] = [];
    for (const slot of this.#queue) {
      if (slot.index === undefined) {
        break;
      }
      known.push({ frame: slot.frame, index: slot.index });
    }
    this.#queue.splice(0, known.length);
    return known;
  }
}
