/**
 * Keeps one client from asking for one thing hundreds of times a second. Who asks again for what he has just had gets
 * it a moment later, so that a client that asks in a circle costs no more than one whose request is held.
 *
 * Addresses are shared by whole stadiums, and proxies ask for many; so nobody is refused, and nobody waits whose
 * request differs in address, headers or target. Even of those alike the first ones of a second do not wait, and all
 * others wait once per object, for less than a tenth of a segment.
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** Alike requests answered at once before any waits. */
export const FREE = 32;
/** Of these, so many come back each second. */
export const FREE_PER_SECOND = 4;
/** Kinds of request remembered; what is forgotten is free again. */
const REMEMBERED = 16_384;

interface Allowance {
  left: number;
  at: number;
}

/** See the head of this file. */
export class Pace {
  readonly #allowances = new LRUCache<string, Allowance>({ max: REMEMBERED });
  readonly #now: () => number;

  readonly #pauseMs: number;

  /**
   * @param pauseMs what those wait who wait; a client that asks one by one asks this seldom
   * @param now monotonic real milliseconds
   */
  constructor(pauseMs: number, now: () => number = () => performance.now()) {
    this.#pauseMs = pauseMs;
    this.#now = now;
  }

  /**
   * Counts a request.
   * @param headers all of them, as they came
   * @returns real milliseconds its answer has to wait
   */
  pauseFor(address: string | undefined, headers: string, target: string): number {
    if (this.#pauseMs === 0) {
      return 0;
    }
    // Headers can be long, and are not to be kept.
    const kind = createHash('sha1')
      .update(`${address ?? ''}\n${target}\n${headers}`)
      .digest('base64');
    const now = this.#now();
    const known = this.#allowances.get(kind) ?? { left: FREE, at: now };
    const gained = ((now - known.at) / 1000) * FREE_PER_SECOND;
    const left = Math.min(FREE, known.left + gained);
    const isFree = left >= 1;
    this.#allowances.set(kind, { left: isFree ? left - 1 : left, at: now });
    return isFree ? 0 : this.#pauseMs;
  }
}

/** Targets a connection has lately asked for: only what it asks again, and its first, need be looked at. */
export class RecentTargets {
  readonly #targets: string[] = [];
  #next = 0;

  /** Whether this is the connection's first target or one of its last few; remembers it. */
  isSuspect(target: string): boolean {
    const isFirst = this.#targets.length === 0;
    if (this.#targets.includes(target)) {
      return true;
    }
    this.#targets[this.#next] = target;
    this.#next = (this.#next + 1) % RECENT;
    return isFirst;
  }
}

/** More than the playlists and objects one player goes round in. */
const RECENT = 8;
