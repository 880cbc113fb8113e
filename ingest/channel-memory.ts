/** What outlives a session: a channel's frame rate and the last frame index it has used. */
import type { Channel } from '#common/contracts/channel';
import { fpsSchema } from '#common/contracts/channel';
import { logEntrySchema } from '#common/contracts/log';
import { redisKeys } from '#common/contracts/names';
import type { Clock } from '#common/clock';
import { gridOf, placeOfTime, type FpsName } from '#common/grid';
import { withDeadline } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import { greatest, milliseconds, type FrameIndex } from '#common/time';

/** Real milliseconds that Redis has to answer; a session does not wait longer to begin. */
const DEADLINE_MS = 2000;
/** Farther ahead of the clock than any feed's frames are taken. */
const MOST_AHEAD_MS = 600_000;
/** Entries of the log looked at for the last frame: a few seconds of a feed and its marks. */
const LOOK_BACK = 400;
/** The rate of a channel of which nothing is known. */
const FALLBACK_FPS: FpsName = '30';

/** See the head of this file. */
export class ChannelMemory {
  readonly #redis: Redis;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #last = new Map<string, FrameIndex>();

  constructor(redis: Redis, clock: Clock, logger: Logger) {
    this.#redis = redis;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Remembers a frame index in use. */
  note(channel: string, index: FrameIndex): void {
    if (index > (this.#last.get(channel) ?? -1)) {
      this.#last.set(channel, index);
    }
  }

  /**
   * Settles what a session begins with. The channel's rate is its owner's, or its first feed's: the first one noted
   * in Redis counts, so that two feeds cannot decide differently.
   */
  async decide(
    channel: Channel,
    detected: FpsName | undefined,
  ): Promise<{ readonly fps: FpsName; readonly floor: FrameIndex | undefined }> {
    const [fps, floor] = await Promise.all([
      channel.fps ?? this.#ask(this.#settleFps(channel.id, detected), detected ?? FALLBACK_FPS),
      this.#last.get(channel.id) ?? this.#ask(this.#readLast(channel.id), undefined),
    ]);
    return { fps, floor: this.#isOfRate(fps, floor) ? floor : undefined };
  }

  /** An index far ahead of the clock was counted at another rate, which the owner has changed since. */
  #isOfRate(fps: FpsName, floor: FrameIndex | undefined): boolean {
    const ahead = milliseconds(this.#clock.now() + MOST_AHEAD_MS);
    return floor !== undefined && floor <= placeOfTime(gridOf(fps), ahead);
  }

  async #settleFps(channel: string, detected: FpsName | undefined): Promise<FpsName> {
    const key = redisKeys.detectedFps;
    if (detected !== undefined) {
      await this.#redis.hsetnx(key, channel, detected);
    }
    const noted = fpsSchema.safeParse(await this.#redis.hget(key, channel));
    return noted.data ?? detected ?? FALLBACK_FPS;
  }

  async #readLast(channel: string): Promise<FrameIndex | undefined> {
    const entries = await this.#redis.xrevrange(
      redisKeys.log(channel),
      '+',
      '-',
      'COUNT',
      LOOK_BACK,
    );
    let last: FrameIndex | undefined;
    for (const [, fields] of entries) {
      const entry = logEntrySchema.safeParse(JSON.parse(fields[1] ?? 'null')).data;
      if (entry?.t === 'frames') {
        for (const { index } of entry.v) {
          last = greatest(last ?? index, index);
        }
      }
    }
    return last;
  }

  async #ask<T>(question: Promise<T>, otherwise: T): Promise<T> {
    try {
      return await withDeadline(question, DEADLINE_MS, 'redis');
    } catch (error) {
      this.#logger.warn({ error }, 'a session begins without asking redis');
      return otherwise;
    }
  }
}
