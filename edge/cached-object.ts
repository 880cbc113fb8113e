/**
 * The bytes of one upstream answer: written once as they arrive, read by any number of viewers meanwhile and
 * afterwards. Viewers hold no copy, only their place in it.
 */
import { PipelineError } from '#common/errors';

/** Larger answers are refused: a 2 s segment at 40 Mb/s, the most a ladder allows, has 10 MB. */
export const MAX_OBJECT_BYTES = 32 * 1024 * 1024;

const FIRST_ALLOCATION = 16 * 1024;

const CR_LF = Buffer.from('\r\n');
/** The chunk of no bytes that ends a chunked body (RFC 9112 §7.1). */
export const LAST_CHUNK = Buffer.from('0\r\n\r\n');
/** What is longer than this is not copied to be framed. */
const FRAMED_BYTES = 256 * 1024;

/** See {@link CachedObject.wire}. */
interface Framed {
  readonly start: number;
  readonly end: number;
  readonly isChunked: boolean;
  readonly head: Buffer | undefined;
  readonly buffers: readonly Buffer[];
}

/** See the head of this file. */
export class CachedObject {
  /** Length the upstream declared; undefined while a chunked answer is under way. */
  readonly declaredLength: number | undefined;
  readonly etag: string | undefined;
  #bytes: Buffer;
  #received = 0;
  #state: 'filling' | 'complete' | 'broken' = 'filling';
  #gzipped: Buffer | undefined;
  #framed: Framed | undefined;
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
    this.#framed = undefined;
  }

  /** The upstream failed; readers must not take what they have for the whole. */
  fail(): void {
    this.#state = 'broken';
    this.#notify();
    this.#framed = undefined;
  }

  /** A view, not a copy, of bytes `[start, end)`; both at most {@link received}. */
  slice(start: number, end: number): Buffer {
    return this.#bytes.subarray(start, end);
  }

  /**
   * Bytes `[start, end)`, at least one, as they go over the wire, to be written one after the other: behind a head, if it is
   * given, and, if wished so, as a chunk of a chunked body (RFC 9112 §7.1). Made once for all who ask for the same in a row:
   * those who have kept up, and those who begin together.
   */
  wire(start: number, end: number, isChunked: boolean, head?: Buffer): readonly Buffer[] {
    if (!isChunked && head === undefined) {
      return [this.slice(start, end)];
    }
    const known = this.#framed;
    if (
      known?.start === start &&
      known.end === end &&
      known.isChunked === isChunked &&
      known.head === head
    ) {
      return known.buffers;
    }
    const pieces = head === undefined ? [] : [head];
    if (isChunked) {
      pieces.push(Buffer.from(`${(end - start).toString(16)}\r\n`, 'latin1'));
    }
    pieces.push(this.slice(start, end));
    if (isChunked) {
      pieces.push(CR_LF);
    }
    const buffers = end - start > FRAMED_BYTES ? pieces : [Buffer.concat(pieces)];
    this.#framed = { start, end, isChunked, head, buffers };
    return buffers;
  }

  /** Resolves once there are bytes to be read, or never will be. */
  async begun(): Promise<void> {
    await this.#until(() => this.#received > 0 || this.#state !== 'filling');
  }

  /** Resolves once it is whole or broken. */
  async settled(): Promise<void> {
    await this.#until(() => this.#state !== 'filling');
  }

  async #until(isSo: () => boolean): Promise<void> {
    if (isSo()) {
      return;
    }
    await new Promise<void>((resolve) => {
      const stop = this.onChange(() => {
        if (isSo()) {
          stop();
          resolve();
        }
      });
    });
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
