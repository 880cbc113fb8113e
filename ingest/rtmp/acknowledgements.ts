/**
 * When a connection's bytes are acknowledged. Encoders may hold back what they have not had acknowledged within the
 * window that they announce, so it is done at half of it. Pure.
 *
 * Adobe RTMP 1.0, §5.4.3 to §5.4.5.
 */

/** Window announced to encoders, bytes; one that announces none gets acknowledgements that fit this one. */
export const WINDOW = 5_000_000;
/** The sequence number has 32 bits and wraps: encoders stop for good at a server whose does not. */
const SEQUENCE = 2 ** 32;

/** See the head of this file. */
export class Acknowledgements {
  #every = WINDOW / 2;
  #received = 0;
  #acknowledged = 0;

  /** Window Acknowledgement Size of the peer, bytes. A larger one than ours changes nothing, nor does none. */
  setWindow(window: number): void {
    if (window > 0) {
      this.#every = Math.min(WINDOW, window) / 2;
    }
  }

  /** So many bytes came. */
  receive(bytes: number): void {
    this.#received += bytes;
  }

  /** The sequence number to send now, if one is due. */
  due(): number | undefined {
    if (this.#received - this.#acknowledged < this.#every) {
      return undefined;
    }
    this.#acknowledged = this.#received;
    return this.#received % SEQUENCE;
  }
}

/** Limit types of Set Peer Bandwidth (§5.4.5). */
const LIMIT = { hard: 0, soft: 1, dynamic: 2 };

/** What a peer permits us to send without acknowledgement: its Set Peer Bandwidth messages. Pure. */
export class PeerBandwidth {
  #window = WINDOW;
  #isHard = false;

  /**
   * Takes one.
   * @returns the window to announce, if it changed
   */
  set(size: number, type: number): number | undefined {
    const isHard = type === LIMIT.hard || (type === LIMIT.dynamic && this.#isHard);
    if (size === 0 || !(isHard || type === LIMIT.soft)) {
      return undefined;
    }
    const window = isHard ? size : Math.min(size, this.#window);
    this.#isHard = isHard;
    if (window === this.#window) {
      return undefined;
    }
    this.#window = window;
    return window;
  }
}
