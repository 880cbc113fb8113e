/** Who may come in: the bearer of the admin token, or a browser that gave it at the login page. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const SESSION_SECONDS = 12 * 3_600;

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

/** A browser's login: its id, and when it ends, milliseconds. */
export interface Session {
  readonly id: string;
  readonly until: number;
}

/** How a request has shown that it may come in. */
export type Admission =
  { readonly kind: 'bearer' } | ({ readonly kind: 'cookie' } & Session) | undefined;

/** Sessions that were logged out. */
export interface Ended {
  has(id: string): boolean;
  add(session: Session, now: number): void;
}

/**
 * Checks requests against one token. The cookie carries the session's expiry, its id and their signature, never the
 * token, so it outlives a restart; a session that was logged out is refused from then on.
 */
export class Gate {
  readonly #token: string;
  /** Browsers do not keep cookies of two ports apart; two instances on one machine need two names. */
  readonly #cookie: string;
  readonly #ended: Ended;

  constructor(token: string, ended: Ended) {
    this.#token = token;
    this.#ended = ended;
    this.#cookie = `touchline-${this.#sign('cookie name').slice(0, 8)}`;
  }

  /** Whether this is the admin token. */
  isToken(candidate: string): boolean {
    return isSameSecret(candidate, this.#token);
  }

  /** How the request may come in; undefined if it may not. */
  admit(headers: IncomingHttpHeaders, now: number): Admission {
    const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    if (bearer !== undefined) {
      return this.isToken(bearer) ? { kind: 'bearer' } : undefined;
    }
    const [expiry = '', id = '', signature = ''] =
      cookieOf(headers, this.#cookie)?.split('.') ?? [];
    const until = Number(expiry);
    const isValid =
      until > now &&
      isSameSecret(signature, this.#sign(`session ${expiry} ${id}`)) &&
      !this.#ended.has(id);
    return isValid ? { kind: 'cookie', id, until } : undefined;
  }

  /** The `Set-Cookie` of a login at that time. */
  cookie(now: number): string {
    const session = `${Math.floor(now) + SESSION_SECONDS * 1000}.${randomBytes(12).toString('hex')}`;
    const value = `${session}.${this.#sign(`session ${session.replace('.', ' ')}`)}`;
    return `${this.#cookie}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${SESSION_SECONDS}`;
  }

  /** Ends a session; returns the `Set-Cookie` that makes its browser forget it. */
  end(session: Session, now: number): string {
    this.#ended.add(session, now);
    return `${this.#cookie}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`;
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#token).update(text).digest('hex');
  }
}
