/**
 * The bytes of one upstream answer: written once as they arrive, read by any number of viewers meanwhile and
 * afterwards. Viewers hold no copy, only their place in it.
 */
import { PipelineError } from '#common/errors';

/** Larger answers are refused: a 2 s segment at 40 Mb/s, the most a ladder allows, has 10 MB. */
export const MAX_OBJECT_BYTES = 32 * 1024 * 1024;

const FIRST_ALLOCATION = 16 * 1024;

/** See the head of this file. */
export class CachedObject {
  /** Length the upstream declared; undefined while a chunked answer is under way. */
  readonly declaredLength: number | undefined;
  readonly etag: string | undefined;
  #bytes: Buffer;
  #received = 0;
  #state: 'filling' | 'complete' | 'broken' = 'filling';
  #gzipped: Buffer | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(head: { readonly length: number | undefined; readonly etag: string | undefined }) {
    if ((head.length ?? 0) > MAX_OBJECT_BYTES) {
      throw new PipelineError('TOO_LARGE', `upstream object has ${head.length} bytes`);
    }
    this.declaredLength = head.length;
    this.etag = head.etag;
    this.#bytes = Buffer.allocUnsafeSlow(head.length ?? FIRST_ALLOCATION);
  }

  /** Bytes that can be read now. */
  get received(): number {
    return this.#received;
  }

  get state(): 'filling' | 'complete' | 'broken' {
    return this.#state;
  }

  /** Length of the whole, as soon as it is known. */
  get length(): number | undefined {
    return this.#state === 'complete' ? this.#received : this.declaredLength;
  }

  /** Memory it takes. */
  get allocated(): number {
    return this.#bytes.length + (this.#gzipped?.length ?? 0);
  }

  /** The gzip form of a text, once made. */
  get gzipped(): Buffer | undefined {
    return this.#gzipped;
  }

  set gzipped(bytes: Buffer | undefined) {
    this.#gzipped = bytes;
  }

  /**
   * Adds what arrived.
   * @throws PipelineError `BAD_MEDIA` when it is more than declared, `TOO_LARGE` beyond {@link MAX_OBJECT_BYTES}
   */
  append(chunk: Uint8Array): void {
    const end = this.#received + chunk.length;
    if (this.declaredLength !== undefined && end > this.declaredLength) {
      throw new PipelineError('BAD_MEDIA', `upstream sent more than ${this.declaredLength} bytes`);
    }
    if (end > MAX_OBJECT_BYTES) {
      throw new PipelineError('TOO_LARGE', `upstream object has more than ${end} bytes`);
    }
    if (end > this.#bytes.length) {
      // Slices already given out keep the old memory, whose bytes never change.
      const grown = Buffer.allocUnsafeSlow(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#received);
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, this.#received);
    this.#received = end;
    this.#notify();
  }

  /**
   * The upstream is done.
   * @throws PipelineError `BAD_MEDIA` when bytes are missing: a part must never pass for the whole
   */
  complete(): void {
    if (this.declaredLength !== undefined && this.#received !== this.declaredLength) {
      throw new PipelineError(
        'BAD_MEDIA',
        `upstream sent ${this.#received} of ${this.declaredLength} bytes`,
      );
    }
    if (this.#bytes.length !== this.#received) {
      const exact = Buffer.allocUnsafeSlow(this.#received);
      this.#bytes.copy(exact, 0, 0, this.#received);
      this.#bytes = exact;
    }
    this.#state = 'complete';
    this.#notify();
  }

  /** The upstream failed; readers must not take what they have for the whole. */
  fail(): void {
    this.#state = 'broken';
    this.#notify();
  }

  /** A view, not a copy, of bytes `[start, end)`; both at most {@link received}. */
  slice(start: number, end: number): Buffer {
    return this.#bytes.subarray(start, end);
  }

  /** Calls back after every change until told not to. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #notify(): void {
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
