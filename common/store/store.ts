/** The object store: what must survive. Two forms with the same behaviour: S3, and a folder. */
import type { Readable } from 'node:stream';

/** Bytes of an object, all or a range. */
export interface OpenObject {
  readonly body: Readable;
  /** Bytes that `body` will give. */
  readonly bytes: number;
  readonly totalBytes: number;
}

/**
 * Objects by key (`a/b/c.ext`). An object is invisible until it is whole. Every method throws PipelineError
 * `STORE_FAILED` when the store is away and `BAD_REQUEST` for a key that is none.
 */
export interface ObjectStore {
  /** Writes an object whole; with `ifAbsent` the first writer wins and others get `'exists'`. */
  put(
    key: string,
    body: Uint8Array,
    options?: {
      readonly ifAbsent?: boolean;
      readonly contentType?: string;
      readonly signal?: AbortSignal;
    },
  ): Promise<'stored' | 'exists'>;
  /** Reads an object whole, or undefined if there is none. */
  get(key: string, options?: { readonly signal?: AbortSignal }): Promise<Buffer | undefined>;
  /** Opens an object, or its bytes `[start, end]`, for streaming; undefined if there is none. */
  open(
    key: string,
    range?: { readonly start: number; readonly end: number },
  ): Promise<OpenObject | undefined>;
  /** Size of an object, or undefined if there is none. */
  head(key: string): Promise<{ readonly bytes: number } | undefined>;
  /** Keys that begin with a prefix ending in `/`, in no particular order. */
  list(prefix: string): AsyncIterable<string>;
  /** Removes an object; one that is not there is no error. */
  delete(key: string): Promise<void>;
  /** Lets go of connections. */
  close(): Promise<void>;
}
