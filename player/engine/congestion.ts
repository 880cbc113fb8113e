/**
 * Whether the way here is narrower than what is sent. Where it is, bytes are under way without a pause, a fragment is nearly
 * always half here, and fragments come late. A fragment that is made late comes whole all the same, and silence before
 * and after it. Pure: times are seconds of any one clock.
 */

/** Looked at together. */
const WINDOW = 0.6;
/** A fragment was half here for so much of it: the way was never free. */
const BUSY = 0.6;
/** Lateness that shrinks by more in the window is being made up for. */
const SHRINKING = 0.06;

interface Chunk {
  readonly at: number;
  readonly bytes: number;
  /** The fragment that it ends in is not whole. */
  readonly isHalf: boolean;
}

/** See the head of this file. */
export class Congestion {
  readonly #chunks: Chunk[] = [];
  readonly #fragments: { readonly at: number; readonly late: number }[] = [];

  /** Bytes have come. */
  chunk(chunk: Chunk): void {
    this.#chunks.push(chunk);
    // One from before the window tells how it began.
    while ((this.#chunks[1]?.at ?? chunk.at) < chunk.at - WINDOW) {
      this.#chunks.shift();
    }
  }

  /** A fragment is whole, so much later than is usual. */
  fragment(at: number, late: number): void {
    this.#fragments.push({ at, late });
    while ((this.#fragments[0]?.at ?? at) < at - WINDOW) {
      this.#fragments.shift();
    }
  }

  /** Another connection: what was seen of the last one says nothing. */
  forget(): void {
    this.#chunks.length = 0;
    this.#fragments.length = 0;
  }

  /** Bits a second that came while the way was never free; undefined when it was. */
  flow(now: number): number | undefined {
    const from = now - WINDOW;
    const busy = this.#chunks.reduce((sum, { at, isHalf }, i) => {
      const until = this.#chunks[i + 1]?.at ?? now;
      return isHalf ? sum + Math.max(0, until - Math.max(from, at)) : sum;
    }, 0);
    const bytes = this.#chunks.reduce((sum, chunk) => sum + (chunk.at > from ? chunk.bytes : 0), 0);
    return busy > BUSY * WINDOW ? (bytes * 8) / WINDOW : undefined;
  }

  /** Seconds by which the way here makes fragments late; 0 when it does not, or they are late for another reason. */
  late(now: number): number {
    const recent = this.#fragments.filter(({ at }) => at > now - WINDOW);
    const [first] = recent;
    const last = recent.at(-1);
    if (first === undefined || last === undefined || this.flow(now) === undefined) {
      return 0;
    }
    return last.late < first.late - SHRINKING ? 0 : Math.max(0, last.late);
  }
}
