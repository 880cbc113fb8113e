/** The feeds being published right now: at most one a channel, and their status in Redis. */
import type { ChannelDirectory } from '#common/channel-directory';
import type { Clock } from '#common/clock';
import type { Channel } from '#common/contracts/channel';
import { redisKeys } from '#common/contracts/names';
import type { FeedStatus } from '#common/contracts/status';
import { toPipelineError } from '#common/errors';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import { FeedSession, type FeedSessionDeps } from './feed-session.ts';
import type { Publication, Publishers, PublishRequest } from '../publication.ts';
import { SparseLog } from '../sparse-log.ts';
import { newSessionId } from './session-id.ts';

/** A publisher that has sent nothing for so long may be replaced, clock milliseconds. */
const TAKEOVER_AFTER = 2000;
/** Clock milliseconds between two looks at each feed, of which each writes its status. */
const LOOK_EVERY = 1000;

/** What the feeds work with. */
export interface FeedsDeps extends Omit<FeedSessionDeps, 'onFailure'> {
  readonly clock: Clock;
  readonly redis: Redis;
  readonly logger: Logger;
  readonly directory: Pick<ChannelDirectory, 'byKey' | 'byId'>;
}

interface Feed {
  readonly session: FeedSession;
  readonly request: PublishRequest;
}

/** See the head of this file. */
export class Feeds implements Publishers {
  readonly #deps: FeedsDeps;
  readonly #active = new Map<string, Feed>();
  readonly #ending = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  readonly #refusals = new SparseLog<'unknown' | 'second'>();
  #isClosed = false;

  constructor(deps: FeedsDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => {
      this.#look();
    }, LOOK_EVERY / deps.clock.rate);
  }

  /** Feeds being published. */
  get size(): number {
    return this.#active.size;
  }

  /** See {@link Publishers}. An unknown key and a busy channel are refused alike. */
  accept(request: PublishRequest): Publication | undefined {
    const channel = this.#channelOf(request.key);
    if (channel === undefined) {
      this.#noteRefusal('unknown', { address: request.address });
      return undefined;
    }
    if (this.#isBusy(channel)) {
      this.#noteRefusal('second', { channel: channel.id, address: request.address });
      return undefined;
    }
    this.#active.get(channel.id)?.request.close('another publisher took over');
    return this.#open(channel, request);
  }

  /** See {@link Publishers}. */
  wouldAccept(key: string): boolean {
    const channel = this.#channelOf(key);
    return channel !== undefined && !this.#isBusy(channel);
  }

  /** Ends the feed of a channel whose key changed or that is gone. */
  checkKey(channelId: string): void {
    const feed = this.#active.get(channelId);
    const channel = this.#deps.directory.byId(channelId);
    if (feed !== undefined && channel?.streamKeyHash !== feed.session.channel.streamKeyHash) {
      feed.request.close('the stream key is no longer valid');
    }
  }

  /** Disconnects a channel's publisher; it may come back and begins a new session. */
  drop(channelId: string, reason: string): void {
    this.#active.get(channelId)?.request.close(reason);
  }

  /** Redis has lost its data: every feed appends again what it still holds. */
  appendAgain(): void {
    for (const { session } of this.#active.values()) {
      session.appendAgain();
    }
  }

  /** Ends all feeds and waits until they are written, or given up. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const { request } of this.#active.values()) {
      request.close('the server stops');
    }
    await Promise.allSettled(this.#ending);
  }

  #channelOf(key: string): Channel | undefined {
    const channel = this.#deps.directory.byKey(key);
    return this.#isClosed ? undefined : channel;
  }

  /** Whether another publisher has the channel and has sent something lately. */
  #isBusy(channel: Channel): boolean {
    const rival = this.#active.get(channel.id);
    return (
      rival !== undefined && this.#deps.clock.now() - rival.session.lastDataAt < TAKEOVER_AFTER
    );
  }

  #noteRefusal(kind: 'unknown' | 'second', facts: Readonly<Record<string, string>>): void {
    const { logger } = this.#deps;
    const more = this.#refusals.take(kind, performance.now());
    const message = kind === 'unknown' ? 'publisher refused' : 'second publisher refused';
    if (more === undefined) {
      logger.debug(facts, message);
    } else {
      logger.info({ ...facts, more }, message);
    }
  }

  #open(channel: Channel, request: PublishRequest): Publication {
    const id = newSessionId(this.#deps.clock.now());
    const logger = this.#deps.logger.child({ channel: channel.id, session: id });
    const session = new FeedSession(channel, id, request.encoder, {
      ...this.#deps,
      logger,
      onFailure: (error) => {
        logger.error({ error }, 'session failed');
        request.close(toPipelineError(error).message);
      },
    });
    const feed = { session, request };
    this.#active.set(channel.id, feed);
    logger.info({ address: request.address, encoder: request.encoder }, 'publisher connected');
    return {
      tag: (type, timestamp, data) => {
        session.tag(type, timestamp, data);
      },
      end: (isClean, reason) => {
        logger.info({ isClean, reason }, 'publisher gone');
        if (this.#active.get(channel.id) === feed) {
          this.#active.delete(channel.id);
        }
        const ending = session
          .end(isClean)
          .catch((error: unknown) => {
            logger.error({ error }, 'session did not end well');
          })
          .finally(() => {
            this.#ending.delete(ending);
          });
        this.#ending.add(ending);
        if (!this.#active.has(channel.id)) {
          this.#write(channel.id, session.status());
        }
      },
    };
  }

  #look(): void {
    for (const [channel, { session }] of this.#active) {
      session.look();
      this.#write(channel, session.status());
    }
  }

  #write(channel: string, status: FeedStatus): void {
    const { logger, redis } = this.#deps;
    if (redis.status !== 'ready') {
      return;
    }
    redis.hset(redisKeys.feeds, channel, JSON.stringify(status)).catch((error: unknown) => {
      logger.debug({ error }, 'feed status not written');
    });
  }
}
