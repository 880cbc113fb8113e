/** Bounds the attempts to log in from each address, so that nobody's guesses lock out anybody else. */

/** Attempts from one address within a window. */
const MOST_ATTEMPTS = 10;
const WINDOW_MS = 60_000;
const MOST_ADDRESSES = 10_000;

interface Window {
  count: number;
  readonly since: number;
}

/** IPv6 networks are handed out by /64: who has one address of it has all of them. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) {
    return mapped ?? address;
  }
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...rest];
  return all
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':');
}

/** See the head of this file. */
export class LoginLimit {
  readonly #windows = new Map<string, Window>();

  /** Counts an attempt; returns the seconds to wait when there were too many. */
  attempt(address: string, now: number): number | undefined {
    const network = networkOf(address);
    const known = this.#windows.get(network);
    if (known !== undefined && now - known.since < WINDOW_MS) {
      known.count += 1;
      return known.count <= MOST_ATTEMPTS
        ? undefined
        : Math.ceil((known.since + WINDOW_MS - now) / 1000);
    }
    this.#windows.delete(network);
    this.#windows.set(network, { count: 1, since: now });
    for (const oldest of this.#windows.keys()) {
      if (this.#windows.size <= MOST_ADDRESSES) {
        break;
      }
      this.#windows.delete(oldest);
    }
    return undefined;
  }
}
