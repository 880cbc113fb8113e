/**
 * Whether the way here is narrower than what is sent. Where it is, fragments come late, and either one of them is nearly
 * always half here, for bytes are under way without a pause, or large ones, once begun, take longer than they are long (where
 * encryption gives bytes by whole records, small ones are never half here). A fragment that is made late comes whole and at
 * once all the same, and silence before and after it. Pure: times are seconds of any one clock.
 */
import type { Burst } from './throughput.ts';

/** Looked at together. */
const WINDOW = 0.6;
/** A fragment was half here for so much of it: the way was never free. */
const BUSY = 0.6;
/** Lateness that shrinks by more in the window is being made up for. */
const SHRINKING = 0.06;

/** A burst of fewer bytes tells little of the way here, and one of so long ago nothing. */
const SMALLEST_BYTES = 8_000;
const BURST_MEMORY = 2.5;
/** A burst that was over sooner was held up by this machine, if by anything. */
const LONG_BURST = 0.06;
/** What carries less than so much of what is sent is too narrow. */
const ENOUGH = 1.2;

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
  #burst: (Burst & { readonly at: number }) | undefined;

  /** A fragment's bytes came in a row. */
  burst(at: number, burst: Burst): void {
    if (burst.bytes >= SMALLEST_BYTES) {
      this.#burst = { at, ...burst };
    }
  }

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
    this.#burst = undefined;
  }

  /**
   * Bits a second that the way here carries; undefined where it is free now and then.
   * @param sentBps what is sent
   */
  flow(now: number, sentBps: number): number | undefined {
    const from = now - WINDOW;
    const busy = this.#chunks.reduce((sum, { at, isHalf }, i) => {
      const until = this.#chunks[i + 1]?.at ?? now;
      return isHalf ? sum + Math.max(0, until - Math.max(from, at)) : sum;
    }, 0);
    if (busy > BUSY * WINDOW) {
      const bytes = this.#chunks.reduce(
        (sum, { at, ...chunk }) => sum + (at > from ? chunk.bytes : 0),
        0,
      );
      return (bytes * 8) / WINDOW;
    }
    if (
      this.#burst === undefined ||
      this.#burst.at <= now - BURST_MEMORY ||
      this.#burst.seconds < LONG_BURST
    ) {
      return undefined;
    }
    const bitsPerSecond = (this.#burst.bytes * 8) / this.#burst.seconds;
    return bitsPerSecond < sentBps * ENOUGH ? bitsPerSecond : undefined;
  }

  /** Seconds by which the way here makes fragments late; 0 when it does not, or they are late for another reason. */
  late(now: number, sentBps: number): number {
    const recent = this.#fragments.filter(({ at }) => at > now - WINDOW);
    const [first] = recent;
    const last = recent.at(-1);
    if (first === undefined || last === undefined || this.flow(now, sentBps) === undefined) {
      return 0;
    }
    return last.late < first.late - SHRINKING ? 0 : Math.max(0, last.late);
  }
}
