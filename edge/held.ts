/**
 * Requests that wait for the upstream, or in pace: bounded over all viewers, and for one address. What each costs is its
 * connection, some 15 kB, so that 10,000 cost 150 MB.
 */

/** Requests that wait at a time. */
export const MAX_HELD = 10_000;
/** Of one address: a stadium's worth, and still half of the places are others'. */
export const MAX_HELD_OF_ADDRESS = MAX_HELD / 2;

/** See the head of this file. */
export class Held {
  readonly #ofAddress = new Map<string, number>();
  #count = 0;
  #refused = 0;

  /** Requests that wait now. */
  get count(): number {
    return this.#count;
  }

  /** Requests that found no place, since the start. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Takes a place.
   * @returns gives it back, once however often it is called; undefined: there is none, and the request is to be answered with 503
   */
  enter(address = ''): (() => void) | undefined {
    const others = this.#ofAddress.get(address) ?? 0;
    if (this.#count >= MAX_HELD || others >= MAX_HELD_OF_ADDRESS) {
      this.#refused += 1;
      return undefined;
    }
    this.#count += 1;
    this.#ofAddress.set(address, others + 1);
    let hasLeft = false;
    return () => {
      if (hasLeft) {
        return;
      }
      hasLeft = true;
      this.#count -= 1;
      const left = (this.#ofAddress.get(address) ?? 1) - 1;
      if (left === 0) {
        this.#ofAddress.delete(address);
      } else {
        this.#ofAddress.set(address, left);
      }
    };
  }
}
