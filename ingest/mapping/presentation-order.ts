/**
 * Frames arrive in decode order and get their places in presentation order. A frame's turn in presentation order is
 * known once a frame with a decode time at or after its presentation time has arrived; without B-frames that is at once.
 * Where no frame comes, sound tells that none will: an encoder under congestion sends all of it, and a keyframe now and then.
 */
import { LONGEST_ORDER_WAIT, PICTURE_ORDER_WAIT } from '#common/lateness';

/** Most frames waiting: H.264 reorders at most 16 (Rec. ITU-T H.264 §A.3.1, max_dec_frame_buffering). */
const MAX_WAITING = 32;
/** Sound that goes on by more than this in one step was away; AAC frames are 139 ms long at most (1024 samples at 7350 Hz). */
const LONGEST_SOUND_STEP = 150;

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
  /** Time of the newest sound, and how much of it there was since the newest picture came. */
  #heard: number | undefined;
  #soundAlone = 0;
  /** How much sound there has to be before no earlier picture is waited for. */
  #soundWait: number = PICTURE_ORDER_WAIT;
  /** Highest presentation time settled by sound. */
  #settledBySound = Number.NEGATIVE_INFINITY;

  /** @param place called once a frame, in presentation order; gives its place on the grid */
  constructor(place: (frame: T) => number) {
    this.#place = place;
  }

  /** Takes the next frame in decode order; gives those whose places are known, in decode order. */
  push(frame: T): { readonly frame: T; readonly index: number }[] {
    const slot: Slot<T> = { frame, index: undefined };
    this.#queue.push(slot);
    if (frame.pts < this.#settledBySound) {
      // This feed's sound is simply far ahead of its pictures.
      this.#soundWait = Math.min(LONGEST_ORDER_WAIT, 2 * this.#soundWait);
      this.#settledBySound = Number.NEGATIVE_INFINITY;
    }
    this.#soundAlone = 0;
    let at = this.#waiting.length;
    while (at > 0 && (this.#waiting[at - 1]?.frame.pts ?? 0) > frame.pts) {
      at -= 1;
    }
    this.#waiting.splice(at, 0, slot);
    let overdue = Number.NEGATIVE_INFINITY;
    const head = this.#queue[0];
    if (
      head !== undefined &&
      head.index === undefined &&
      head.frame.dts <= frame.dts - PICTURE_ORDER_WAIT
    ) {
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

  /** Sound of a time, milliseconds, has come; gives the pictures that need not wait any more. */
  hear(dts: number): { readonly frame: T; readonly index: number }[] {
    const step = Math.max(0, dts - (this.#heard ?? dts));
    this.#heard = Math.max(dts, this.#heard ?? dts);
    // Sound that was away itself tells nothing of the pictures of that time.
    this.#soundAlone += step <= LONGEST_SOUND_STEP ? step : 0;
    const last = this.#waiting.at(-1);
    if (last === undefined || this.#soundAlone < this.#waitFor(last.frame)) {
      return [];
    }
    this.#settledBySound = last.frame.pts;
    return this.flush();
  }

  /** The source's clock has stepped: what sound has told counts no more. Gives all that is left. */
  restart(): { readonly frame: T; readonly index: number }[] {
    this.#heard = undefined;
    this.#soundAlone = 0;
    this.#settledBySound = Number.NEGATIVE_INFINITY;
    return this.flush();
  }

  /** Gives all that is left. */
  flush(): { readonly frame: T; readonly index: number }[] {
    while (this.#waiting.length > 0) {
      this.#settle();
    }
    return this.#known();
  }

  /** How much sound alone tells that nothing before this picture comes: less where sound was ahead of it as it came. */
  #waitFor({ pts }: T): number {
    const ahead = Math.max(0, (this.#heard ?? pts) - this.#soundAlone - pts);
    return Math.max(PICTURE_ORDER_WAIT, Math.min(this.#soundWait, LONGEST_ORDER_WAIT - ahead));
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
