/** Who may come in: the bearer of the admin token, or a browser that gave it at the login page. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { parseCookie as parseCookies, stringifySetCookie } from 'cookie';
import { jwtVerify, SignJWT } from 'jose';

const SESSION_SECONDS = 12 * 3_600;

const digest = (value: string): Buffer => createHash('sha256').update(value).digest();

/** Compares two secrets in a time that tells nothing about them, their lengths included. */
export const isSameSecret = (a: string, b: string): boolean =>
  timingSafeEqual(digest(a), digest(b));

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

/** The one algorithm that sessions are signed with; a token that names another is refused. */
const ALGORITHM = 'HS256';
const COOKIE_ATTRIBUTES = { path: '/', httpOnly: true, sameSite: 'strict' } as const;

/**
 * Checks requests against one token. The cookie is a JSON Web Token (RFC 7519) with the session's id and expiry, signed by a
 * key made from the admin token, so it outlives a restart; a session that was logged out is refused from then on.
 */
export class Gate {
  readonly #token: string;
  readonly #key: Uint8Array;
  /** Browsers do not keep cookies of two ports apart; two instances on one machine need two names. */
  readonly #cookie: string;
  readonly #ended: Ended;

  constructor(token: string, ended: Ended) {
    this.#token = token;
    this.#ended = ended;
    this.#key = this.#derive('session');
    const name = Buffer.from(this.#derive('cookie name')).toString('hex');
    this.#cookie = `touchline-${name.slice(0, 8)}`;
  }

  /** Whether this is the admin token. */
  isToken(candidate: string): boolean {
    return isSameSecret(candidate, this.#token);
  }

  /** How the request may come in; undefined if it may not. */
  async admit(headers: IncomingHttpHeaders, now: number): Promise<Admission> {
    const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    if (bearer !== undefined) {
      return this.isToken(bearer) ? { kind: 'bearer' } : undefined;
    }
    const cookie = parseCookies(headers.cookie ?? '')[this.#cookie];
    const session = cookie === undefined ? undefined : await this.#sessionOf(cookie, now);
    return session === undefined || this.#ended.has(session.id)
      ? undefined
      : { kind: 'cookie', ...session };
  }

  /** The `Set-Cookie` of a login at that time. */
  async cookie(now: number): Promise<string> {
    const value = await new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM })
      .setJti(randomBytes(12).toString('hex'))
      .setExpirationTime(Math.floor(now / 1000) + SESSION_SECONDS)
      .sign(this.#key);
    return stringifySetCookie({
      name: this.#cookie,
      value,
      maxAge: SESSION_SECONDS,
      ...COOKIE_ATTRIBUTES,
    });
  }

  /** Ends a session; returns the `Set-Cookie` that makes its browser forget it. */
  end(session: Session, now: number): string {
    this.#ended.add(session, now);
    return stringifySetCookie({ name: this.#cookie, value: '', maxAge: 0, ...COOKIE_ATTRIBUTES });
  }

  /** What a cookie says, if it was signed here and has not expired. */
  async #sessionOf(cookie: string, now: number): Promise<Session | undefined> {
    try {
      const { payload } = await jwtVerify(cookie, this.#key, {
        algorithms: [ALGORITHM],
        requiredClaims: ['jti', 'exp'],
        currentDate: new Date(now),
      });
      const { jti = '', exp = 0 } = payload;
      return { id: jti, until: exp * 1000 };
    } catch {
      return undefined;
    }
  }

  /** A key of its own for each use, so that none can be taken for another. */
  #derive(use: string): Uint8Array {
    return createHmac('sha256', this.#token).update(use).digest();
  }
}
