/**
 * Keeps what one client can cost at what a few players cost, whatever it asks for. Two things are counted:
 *
 * - Who asks again for what he has just had (address, headers and target alike) gets it a moment later, so that a client
 *   that asks in a circle costs no more than one whose request is held.
 * - A connection has so many answers at once and so many a second, several times what the busiest player needs, and each
 *   further one a moment later. One connection of a source (address and headers) after another earns no more: beyond some
 *   a second they begin with nothing.
 *
 * Addresses are shared by whole stadiums, and proxies ask for many; so nobody is refused. Of a crowd whose addresses and
 * headers are alike those wait once per object and at the beginning of a connection, for less than a tenth of a segment.
 */
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { LRUCache } from 'lru-cache';

/** Alike requests answered at once before any waits, and connections of one source that begin with all their answers. */
export const FREE = 32;
/** Of these, so many come back each second. */
export const FREE_PER_SECOND = 4;
/** Kinds of request remembered; what is forgotten is free again. */
const REMEMBERED = 16_384;
/** The same of connections. Who opens one for each object is held at the beginning of most, which a player does not feel. */
export const CONNECTIONS_PER_SECOND = 0.5;
/** Answers a connection has at once: what fills the buffer of a player that joins. */
export const CONNECTION_FREE = 120;
/** Answers a connection earns each second. With parts of 0.2 s a player's busiest connection needs some 15. */
export const CONNECTION_PER_SECOND = 60;

/** Targets a connection is asked again for: more than the playlists and objects one player goes round in. */
const RECENT = 8;

interface Allowance {
  left: number;
  at: number;
}

/** What is remembered of one connection: of fixed size, whatever is asked. */
export interface Visitor {
  /** Of its other end. */
  readonly address: string | undefined;
  /** Connections that this one stands for. */
  readonly worth: number;
  /** Hashes of its last targets; 0 where there is none. */
  readonly recent: Int32Array;
  next: number;
  /** Answers that it may have at once; negative before its first request. */
  left: number;
  /** When `left` was counted, monotonic real milliseconds. */
  at: number;
  /** Its latest answer waits until then. */
  heldUntil: number;
}

/** A connection that has not asked for anything. */
export const newVisitor = (address: string | undefined, worth = 1): Visitor => ({
  address,
  worth,
  recent: new Int32Array(RECENT),
  next: 0,
  left: -1,
  at: 0,
  heldUntil: 0,
});

/** See the head of this file. */
export class Pace {
  readonly #allowances = new LRUCache<string, Allowance>({ max: REMEMBERED });
  readonly #visitors = new WeakMap<Socket, Visitor>();
  readonly #now: () => number;
  readonly #pauseMs: number;

  /**
   * @param pauseMs what those wait who wait; a client that asks one by one asks this seldom. 0: nobody waits
   * @param now monotonic real milliseconds
   */
  constructor(pauseMs: number, now: () => number = () => performance.now()) {
    this.#pauseMs = pauseMs;
    this.#now = now;
  }

  /**
   * Who asks on a connection: the same on the fast path and by node:http.
   * @param worth connections that this one stands for
   */
  visitorOn(socket: Socket, worth = 1): Visitor {
    const known = this.#visitors.get(socket);
    if (known !== undefined) {
      return known;
    }
    const visitor = newVisitor(socket.remoteAddress, worth);
    this.#visitors.set(socket, visitor);
    return visitor;
  }

  /**
   * Counts a request.
   * @param headers all of them, as they came
   * @returns real milliseconds its answer has to wait
   */
  pauseFor(visitor: Visitor, headers: string, target: string): number {
    if (this.#pauseMs === 0) {
      return 0;
    }
    const isFirst = visitor.left < 0;
    if (isFirst) {
      visitor.left = this.#isFree(visitor, headers, '', CONNECTIONS_PER_SECOND)
        ? CONNECTION_FREE * visitor.worth
        : 0;
      visitor.at = this.#now();
    }
    const isRepeated = isRecent(visitor, target);
    if ((isFirst || isRepeated) && !this.#isFree(visitor, headers, target, FREE_PER_SECOND)) {
      return this.#hold(visitor);
    }
    if (visitor.left < 1) {
      earn(visitor, this.#now());
    }
    if (visitor.left < 1) {
      return this.#hold(visitor);
    }
    visitor.left -= 1;
    return 0;
  }

  /** One after the other, also for who does not wait for an answer before he asks again. */
  #hold(visitor: Visitor): number {
    const now = this.#now();
    visitor.heldUntil = Math.max(now, visitor.heldUntil) + this.#pauseMs;
    return visitor.heldUntil - now;
  }

  /** Counts one of its kind; a target is never empty, so that without one it is a connection that is counted. */
  #isFree({ address }: Visitor, headers: string, target: string, perSecond: number): boolean {
    // Headers can be long, and are not to be kept.
    const kind = createHash('sha1')
      .update(`${address ?? ''}\n${target}\n${headers}`)
      .digest('base64');
    const now = this.#now();
    const known = this.#allowances.get(kind) ?? { left: FREE, at: now };
    const gained = ((now - known.at) / 1000) * perSecond;
    const left = Math.min(FREE, known.left + gained);
    const isFree = left >= 1;
    this.#allowances.set(kind, { left: isFree ? left - 1 : left, at: now });
    return isFree;
  }
}

/** Goes on after a pause; not if the client, a connection or a stream of it, is gone by then. */
export function afterPause(client: Duplex, pauseMs: number, goOn: () => void): void {
  const forget = (): void => {
    clearTimeout(timer);
  };
  const timer = setTimeout(() => {
    client.off('close', forget);
    goOn();
  }, pauseMs);
  client.once('close', forget);
}

/** The clock is looked at only when nothing is left: what was earned meanwhile is counted then. */
function earn(visitor: Visitor, now: number): void {
  const earned = ((now - visitor.at) / 1000) * CONNECTION_PER_SECOND * visitor.worth;
  visitor.left = Math.min(CONNECTION_FREE * visitor.worth, visitor.left + earned);
  visitor.at = now;
}

/** Whether a target is one of the connection's last few; remembers it. */
function isRecent(visitor: Visitor, target: string): boolean {
  const hash = hashOf(target);
  if (visitor.recent.includes(hash)) {
    return true;
  }
  visitor.recent[visitor.next] = hash;
  visitor.next = (visitor.next + 1) % RECENT;
  return false;
}

/** FNV-1a, 32 bits. Two targets that share one are merely looked at more closely. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash === 0 ? 1 : hash;
}
