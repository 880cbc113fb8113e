/** Cuts a stream of bytes into fragments, each a `moof` and its `mdat` (ISO/IEC 14496-12 §8.8.4, §8.1.1). Pure. */

/** A whole fragment, and where it is in its segment. */
export interface Fragment {
  /** Number within the segment, from 0. */
  readonly k: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Offset of the byte after it, from the segment's beginning. */
  readonly end: number;
}

const HEADER = 8;
/** Some seconds of the largest rendition: whatever says that it is longer is no fragment of ours. */
const LONGEST_BOX = 16 * 1024 ** 2;

const name = (bytes: Uint8Array, at: number): string =>
  String.fromCharCode(...bytes.subarray(at + 4, at + HEADER));

/** See the head of this file; one for each segment. */
export class FragmentCutter {
  #pending = new Uint8Array(0);
  #offset = 0;
  #k = 0;

  /** Bytes of the segment that are in whole fragments: what an answer broken off has given for good. */
  get taken(): number {
    return this.#offset;
  }

  /** Fragments cut so far. */
  get count(): number {
    return this.#k;
  }

  /** Bytes of a fragment that is not whole yet. */
  get rest(): number {
    return this.#pending.byteLength;
  }

  /** Forgets the fragment that is not whole: its bytes come again from {@link taken} on. */
  rewind(): void {
    this.#pending = new Uint8Array(0);
  }

  /**
   * The fragments that are whole with these bytes.
   * @throws RangeError for what is no box, with its offset
   */
  push(chunk: Uint8Array): Fragment[] {
    const all = new Uint8Array(this.#pending.byteLength + chunk.byteLength);
    all.set(this.#pending);
    all.set(chunk, this.#pending.byteLength);
    const found: Fragment[] = [];
    let from = 0;
    let at = 0;
    while (at + HEADER <= all.byteLength) {
      const size = new DataView(all.buffer).getUint32(at);
      if (size < HEADER || size > LONGEST_BOX) {
        throw new RangeError(`box of ${size} bytes at ${this.#offset + at}`);
      }
      if (at + size > all.byteLength) {
        break;
      }
      const isLast = name(all, at) === 'mdat';
      at += size;
      if (isLast) {
        this.#offset += at - from;
        found.push({ k: this.#k, bytes: all.slice(from, at), end: this.#offset });
        this.#k += 1;
        from = at;
      }
    }
    this.#pending = all.slice(from);
    return found;
  }
}
