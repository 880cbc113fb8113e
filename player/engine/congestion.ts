/**
 * Whether the way here is narrower than what is sent: bytes flow all the time, and fragments come late all the same and no
 * less so. A fragment that is made late is followed by silence, then by a rush. Pure: times are seconds of any one clock.
 */

/** Looked at together. */
const WINDOW = 0.6;
/** So many pieces at least in each third of it: the flow never stopped. */
const THIRDS = 3;
/** Lateness that shrinks by more in the window is being made up for. */
const SHRINKING = 0.06;

/** See the head of this file. */
export class Congestion {
  readonly #chunks: { readonly at: number; readonly bytes: number }[] = [];
  readonly #fragments: { readonly at: number; readonly late: number }[] = [];

  /** Bytes have come. */
  chunk(at: number, bytes: number): void {
    this.#chunks.push({ at, bytes });
    while ((this.#chunks[0]?.at ?? at) < at - WINDOW) {
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

  /** Bits a second that came while the flow never stopped; undefined when it did. */
  flow(now: number): number | undefined {
    const recent = this.#chunks.filter(({ at }) => at > now - WINDOW);
    const isSteady = Array.from(
      { length: THIRDS },
      (_, i) => now - WINDOW + (i * WINDOW) / THIRDS,
    ).every((from) => recent.some(({ at }) => at >= from && at <= from + WINDOW / THIRDS));
    const bytes = recent.reduce((sum, chunk) => sum + chunk.bytes, 0);
    return isSteady ? (bytes * 8) / WINDOW : undefined;
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
