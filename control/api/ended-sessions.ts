/** Sessions that were logged out: every control refuses them until they would have expired, also after a restart. */
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import type { Session } from './auth.ts';

/** Hash: ids of sessions that were logged out, and when they would have expired. */
const TABLE = 'control:sessions-ended';
/** Pub/sub: `<id> <expiry>` of a session that was logged out. */
export const SESSION_ENDED = 'control:session-ended';

/** See the head of this file. */
export class EndedSessions {
  readonly #redis: Redis;
  readonly #logger: Logger;
  /** By id, when they would have expired. */
  readonly #until = new Map<string, number>();

  private constructor(redis: Redis, logger: Logger) {
    this.#redis = redis;
    this.#logger = logger;
  }

  /** Reads which are known; those long expired are forgotten in passing. */
  static async open(redis: Redis, logger: Logger, now: number): Promise<EndedSessions> {
    const sessions = new EndedSessions(redis, logger);
    for (const [id, text] of Object.entries(await redis.hgetall(TABLE))) {
      if (Number(text) > now) {
        sessions.#until.set(id, Number(text));
      } else {
        await redis.hdel(TABLE, id);
      }
    }
    return sessions;
  }

  has(id: string): boolean {
    return this.#until.has(id);
  }

  /** Ends a session here at once, and everywhere as soon as Redis has heard of it. */
  add({ id, until }: Session, now: number): void {
    for (const [known, expiry] of this.#until) {
      if (expiry <= now) {
        this.#until.delete(known);
      }
    }
    this.#until.set(id, until);
    this.#redis
      .multi()
      .hset(TABLE, id, until)
      .publish(SESSION_ENDED, `${id} ${until}`)
      .exec()
      .catch((error: unknown) => {
        this.#logger.warn({ error }, 'logout not told to other controls');
      });
  }

  /** Takes what another control, or this one, has published; returns the session's id. */
  heard(message: string): string {
    const [id = '', until = ''] = message.split(' ');
    this.#until.set(id, Number(until));
    return id;
  }
}
