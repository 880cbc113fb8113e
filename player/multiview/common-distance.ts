/** The distance from the clock that several engines hold together: the largest that any of them needs. Pure. */
import type { Company } from '../company.ts';

/** See the head of this file. Seconds. */
export class CommonDistance {
  readonly #needed = new Map<object, number>();

  /** What all of them hold now; 0 while nobody needs any. */
  get value(): number {
    return Math.max(0, ...this.#needed.values());
  }

  /** A place for one engine, after another in it. */
  place(): Pick<Company, 'agree' | 'held' | 'leave'> {
    const place = {};
    return {
      agree: (needed) => {
        this.#needed.set(place, needed);
        return this.value;
      },
      held: () => this.value,
      leave: () => {
        this.#needed.delete(place);
      },
    };
  }
}
