/**
 * In which order tasks of several channels are worked on: start-time fair queueing (Goyal, Vin, Cheng 1996). Each task
 * gets a place after its channel's newest, and not before the oldest that is still open, whoever's that is. So a channel's
 * numbers keep their order however long its backlog is, and a backlog of one channel lets every other one pass. Pure.
 */

/** BullMQ's largest priority, 2^21 - 1; reached only by a queue that is never empty for weeks, and then order is by arrival. */
const MOST = 2_097_151;

interface Open {
  readonly channel: string;
  readonly place: number;
}

/** See the head of this file. */
export class FairOrder {
  readonly #open = new Map<string, Open>();
  readonly #newest = new Map<string, number>();
  readonly #counts = new Map<string, number>();

  /** Tasks not finished, by channel. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Whether a task is not finished. */
  has(id: string): boolean {
    return this.#open.has(id);
  }

  /**
   * A task is given out.
   * @param place the one it has already, when it was given out by a leader before this one
   * @returns its place, from 1 on: lower ones come first, equal ones by arrival
   */
  begin(id: string, channel: string, place?: number): number {
    const known = this.#open.get(id);
    if (known !== undefined) {
      return known.place;
    }
    const given = place ?? this.#next(channel);
    this.#open.set(id, { channel, place: given });
    this.#newest.set(channel, Math.max(given, this.#newest.get(channel) ?? 0));
    this.#counts.set(channel, (this.#counts.get(channel) ?? 0) + 1);
    return given;
  }

  /** A task is finished. */
  end(id: string): void {
    const open = this.#open.get(id);
    if (open === undefined) {
      return;
    }
    this.#open.delete(id);
    const { channel } = open;
    const count = (this.#counts.get(channel) ?? 1) - 1;
    if (count > 0) {
      this.#counts.set(channel, count);
    } else {
      this.#counts.delete(channel);
    }
    if (this.#open.size === 0) {
      this.#newest.clear();
    }
  }

  #next(channel: string): number {
    const places = [...this.#open.values()].map(({ place }) => place);
    const oldest = places.reduce((least, place) => Math.min(least, place), MOST);
    const begun = places.length === 0 ? 1 : oldest;
    return Math.min(MOST, Math.max(begun, (this.#newest.get(channel) ?? 0) + 1));
  }
}
