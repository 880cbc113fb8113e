/**
 * What the network could carry. A growing segment comes at the pace at which it is made, so bytes over time say nothing of
 * the way here; what comes faster than it is made does: a segment that was there already, and, of a large fragment, all
 * that follows its first bytes. Pure.
 */

/** Bytes that came in a row without waiting for anything but the network. */
export interface Burst {
  readonly bytes: number;
  readonly seconds: number;
}

/** Less is told by the scheduling of the machine and not by the network. */
const SMALLEST_BYTES = 16_000;
/** A timer of the page is no finer; what is quicker is taken for so long. */
const SHORTEST_SECONDS = 0.002;
/** Bursts remembered: the last few seconds of keyframes. */
const MEMORY = 12;

/** See the head of this file. */
export class Throughput {
  readonly #bursts: number[] = [];

  /** Notes a burst, if it is large enough to tell anything. */
  note({ bytes, seconds }: Burst): void {
    if (bytes < SMALLEST_BYTES) {
      return;
    }
    this.#bursts.push((bytes * 8) / Math.max(SHORTEST_SECONDS, seconds));
    if (this.#bursts.length > MEMORY) {
      this.#bursts.shift();
    }
  }

  /** Bits a second that most bursts had; undefined before there is any. */
  get bitsPerSecond(): number | undefined {
    const sorted = this.#bursts.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 4)];
  }
}
