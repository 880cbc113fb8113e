/**
 * Who may stay when connections are many. Nobody is turned away for those who only hold a place: a newcomer takes the
 * place of the oldest connection that has not got on as far. Only publishers keep theirs.
 *
 * - greeting: the handshake is not over. Cheap, so there may be many; counted apart.
 * - waiting: past the handshake, not publishing.
 * - publishing: its key was right.
 *
 * Where nothing else decides, the source with the most connections gives one up.
 */

/** A connection. `source` is whom limits count together. */
export interface Guest {
  readonly source: string;
  /** Ends the connection; it is counted no longer already. */
  readonly evict: () => void;
}

/** How many there may be past the handshake. */
export interface AdmissionLimits {
  readonly total: number;
  readonly perSource: number;
}

/** Handshakes at once, in multiples of the connections past it. */
const GREETING_FACTOR = 4;

/** Guests by source, each source's oldest first. */
class Crowd {
  readonly #bySource = new Map<string, Set<Guest>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  of(source: string): number {
    return this.#bySource.get(source)?.size ?? 0;
  }

  add(guest: Guest): void {
    const guests = this.#bySource.get(guest.source) ?? new Set();
    this.#bySource.set(guest.source, guests.add(guest));
    this.#size += 1;
  }

  delete(guest: Guest): boolean {
    const guests = this.#bySource.get(guest.source);
    if (guests?.delete(guest) !== true) {
      return false;
    }
    this.#size -= 1;
    if (guests.size === 0) {
      this.#bySource.delete(guest.source);
    }
    return true;
  }

  oldestOf(source: string): Guest | undefined {
    const [first] = this.#bySource.get(source) ?? [];
    return first;
  }

  /** The oldest of the source with the most. */
  oldestOfMost(): Guest | undefined {
    let most: ReadonlySet<Guest> = new Set();
    for (const guests of this.#bySource.values()) {
      most = guests.size > most.size ? guests : most;
    }
    const [first] = most;
    return first;
  }
}

/** See the head of this file. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #greeting = new Crowd();
  readonly #waiting = new Crowd();
  readonly #publishing = new Crowd();

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Connections in each state. */
  get counts(): Readonly<Record<'greeting' | 'waiting' | 'publishing', number>> {
    return {
      greeting: this.#greeting.size,
      waiting: this.#waiting.size,
      publishing: this.#publishing.size,
    };
  }

  /** A connection was made. */
  arrive(guest: Guest): void {
    if (this.#greeting.size >= this.#limits.total * GREETING_FACTOR) {
      this.#evict(this.#greeting, this.#greeting.oldestOfMost());
    }
    this.#greeting.add(guest);
  }

  /** Its handshake is over. False: there is no room, for all the others publish. */
  greeted(guest: Guest): boolean {
    this.#greeting.delete(guest);
    const { source } = guest;
    if (this.#waiting.of(source) + this.#publishing.of(source) >= this.#limits.perSource) {
      if (!this.#evict(this.#waiting, this.#waiting.oldestOf(source))) {
        return false;
      }
    }
    if (this.#waiting.size + this.#publishing.size >= this.#limits.total) {
      if (!this.#evict(this.#waiting, this.#waiting.oldestOfMost())) {
        return false;
      }
    }
    this.#waiting.add(guest);
    return true;
  }

  /** Its publish was accepted, or has ended. */
  publishes(guest: Guest, isPublishing: boolean): void {
    const [from, to] = isPublishing
      ? [this.#waiting, this.#publishing]
      : [this.#publishing, this.#waiting];
    if (from.delete(guest)) {
      to.add(guest);
    }
  }

  /** It is gone. */
  leave(guest: Guest): void {
    for (const crowd of [this.#greeting, this.#waiting, this.#publishing]) {
      crowd.delete(guest);
    }
  }

  #evict(crowd: Crowd, guest: Guest | undefined): boolean {
    if (guest === undefined) {
      return false;
    }
    crowd.delete(guest);
    guest.evict();
    return true;
  }
}
