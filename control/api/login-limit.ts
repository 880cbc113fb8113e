/** Bounds the attempts to log in from each source, so that nobody's guesses lock out anybody else. */
import { LRUCache } from 'lru-cache';
import { sourceOf } from '#common/source-address';

/** Attempts from one source within a window. */
const MOST_ATTEMPTS = 10;
const WINDOW_MS = 60_000;
const MOST_SOURCES = 10_000;

interface Window {
  count: number;
  readonly since: number;
}

/** See the head of this file. */
export class LoginLimit {
  readonly #windows = new LRUCache<string, Window>({ max: MOST_SOURCES });

  /** Counts an attempt; returns the seconds to wait when there were too many. */
  attempt(address: string, now: number): number | undefined {
    const source = sourceOf(address);
    const known = this.#windows.get(source);
    if (known === undefined || now - known.since >= WINDOW_MS) {
      this.#windows.set(source, { count: 1, since: now });
      return undefined;
    }
    known.count += 1;
    return known.count <= MOST_ATTEMPTS
      ? undefined
      : Math.ceil((known.since + WINDOW_MS - now) / 1000);
  }
}
