/** Who may come in: the bearer of the admin token, or a browser that gave it at the login page. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const COOKIE = 'touchline-session';
const SESSION_SECONDS = 12 * 3_600;

/** Attempts to log in from one address within a minute. */
const MOST_ATTEMPTS = 10;
const ATTEMPT_WINDOW_MS = 60_000;
const MOST_ADDRESSES = 10_000;

const digest = (value: string): Buffer => createHash('sha256').update(value).digest();

/** Compares two secrets in a time that tells nothing about them, their lengths included. */
export const isSameSecret = (a: string, b: string): boolean =>
  timingSafeEqual(digest(a), digest(b));

/** The value of a cookie of a request. */
function cookieOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  for (const pair of (headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) {
      return pair.slice(at + 1).trim();
    }
  }
  return undefined;
}

/** How a request has shown that it may come in. */
export type Admission = 'bearer' | 'cookie' | undefined;

/** Checks requests against one token. The cookie carries an expiry and its signature, never the token. */
export class Gate {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  /** Whether this is the admin token. */
  isToken(candidate: string): boolean {
    return isSameSecret(candidate, this.#token);
  }

  /** How the request may come in; undefined if it may not. */
  admit(headers: IncomingHttpHeaders, now: number): Admission {
    const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    if (bearer !== undefined) {
      return this.isToken(bearer) ? 'bearer' : undefined;
    }
    const [expiry = '', signature = ''] = cookieOf(headers, COOKIE)?.split('.') ?? [];
    const isValid = Number(expiry) > now && isSameSecret(signature, this.#sign(expiry));
    return isValid ? 'cookie' : undefined;
  }

  /** The `Set-Cookie` of a login at that time. */
  cookie(now: number): string {
    const expiry = String(Math.floor(now) + SESSION_SECONDS * 1000);
    const value = `${expiry}.${this.#sign(expiry)}`;
    return `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${SESSION_SECONDS}`;
  }

  #sign(expiry: string): string {
    return createHmac('sha256', this.#token).update(`session ${expiry}`).digest('hex');
  }
}

/** The `Set-Cookie` of a logout. */
export const CLEARED_COOKIE = `${COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`;

/** Bounds the attempts to log in from each address. */
export class LoginLimit {
  readonly #attempts = new Map<string, { count: number; since: number }>();

  /** Counts an attempt; false when there were too many. */
  allows(address: string, now: number): boolean {
    const known = this.#attempts.get(address);
    if (known !== undefined && now - known.since < ATTEMPT_WINDOW_MS) {
      known.count += 1;
      return known.count <= MOST_ATTEMPTS;
    }
    this.#attempts.delete(address);
    this.#attempts.set(address, { count: 1, since: now });
    for (const oldest of this.#attempts.keys()) {
      if (this.#attempts.size <= MOST_ADDRESSES) {
        break;
      }
      this.#attempts.delete(oldest);
    }
    return true;
  }
}
