/**
 * What the network could carry. A growing segment comes at the pace at which it is made, so bytes over time say nothing of
 * the way here; what comes faster than it is made does: a segment that was there already, and, of a large fragment, all
 * that follows its first bytes. Pure: times are seconds of any one clock.
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
const MOST = 12;
/** Seconds. One of before says nothing of the way here now; of a small rendition no fragment may be large enough for a new one. */
const MEMORY = 20;

/** See the head of this file. */
export class Throughput {
  readonly #bursts: { readonly at: number; readonly bitsPerSecond: number }[] = [];

  /** Notes a burst, if it is large enough to tell anything. */
  note(at: number, { bytes, seconds }: Burst): void {
    if (bytes < SMALLEST_BYTES) {
      return;
    }
    const bitsPerSecond = (bytes * 8) / Math.max(SHORTEST_SECONDS, seconds);
    this.#bursts.push({ at, bitsPerSecond });
    if (this.#bursts.length > MOST) {
      this.#bursts.shift();
    }
  }

  /** Bits a second that most bursts of the last while had; undefined when there was none. */
  bitsPerSecond(now: number): number | undefined {
    const sorted = this.#bursts
      .flatMap(({ at, bitsPerSecond }) => (at > now - MEMORY ? bitsPerSecond : []))
      .toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 4)];
  }
}
