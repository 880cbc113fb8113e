/** The init segments of a broadcast's renditions (ISO/IEC 23009-1 §3.1.18), each fetched once. */
import type { Get } from './small-objects.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** See the head of this file. */
export class Inits {
  readonly #get: Get;
  readonly #pathOf: (rendition: string) => string | undefined;
  readonly #asked = new Map<string, Promise<void>>();
  readonly #ready = new Map<string, Bytes>();

  /** @param pathOf where a rendition's is; undefined when there is no such rendition */
  constructor(get: Get, pathOf: (rendition: string) => string | undefined) {
    this.#get = get;
    this.#pathOf = pathOf;
  }

  /** One that {@link prepare} has fetched. */
  of(rendition: string): Bytes | undefined {
    return this.#ready.get(rendition);
  }

  /** Resolves once a rendition's is here. */
  prepare(rendition: string): Promise<void> {
    const known = this.#asked.get(rendition);
    if (known !== undefined) {
      return known;
    }
    const asked = this.#fetch(rendition).catch((error: unknown) => {
      this.#asked.delete(rendition);
      throw error;
    });
    this.#asked.set(rendition, asked);
    return asked;
  }

  async #fetch(rendition: string): Promise<void> {
    const path = this.#pathOf(rendition);
    if (path === undefined) {
      throw new RangeError(`there is no rendition ${rendition}`);
    }
    const response = await this.#get(path);
    this.#ready.set(rendition, new Uint8Array(await response.arrayBuffer()));
  }
}
