/**
 * Whether the viewer is to be live, and when he is taken there by a jump: an outage leaves who plays by hls.js or dash.js as far
 * behind as it lasted, and they catch up by a twentieth at most, or not at all. Whoever paused or went back stays where he is. Pure;
 * seconds.
 */
import { LIVE_TOLERANCE_SECONDS } from './timeline.ts';

/** No stall that playback makes good by itself leaves anybody so far behind. */
const LEFT_BEHIND = 8;
/** A jump needs its time: until there is another. */
const AGAIN = 5;

/** What is seen of playback, some times a second. */
export interface Seen {
  /** From the picture to where live is; undefined while nothing is live. */
  readonly behind: number | undefined;
  readonly isPaused: boolean;
  readonly now: number;
}

/** See the head of this file. */
export class Following {
  #follows = true;
  #jumpedAt = Number.NEGATIVE_INFINITY;

  /** The viewer went somewhere. */
  sought(behind: number): void {
    this.#follows = behind < LIVE_TOLERANCE_SECONDS;
  }

  /** Whether he is to be taken to live now. */
  isLeftBehind({ behind, isPaused, now }: Seen): boolean {
    if (behind === undefined) {
      return false;
    }
    if (behind < LIVE_TOLERANCE_SECONDS) {
      this.#follows = true;
    } else if (isPaused) {
      this.#follows = false;
    }
    const isDue = this.#follows && behind > LEFT_BEHIND && now - this.#jumpedAt >= AGAIN;
    this.#jumpedAt = isDue ? now : this.#jumpedAt;
    return isDue;
  }
}
