/** The channels: the store has the truth, Redis a mirror that other services read, and this process a copy. Control alone changes them. */
import { channelSchema, type Channel } from '#common/contracts/channel';
import { fillMirror, listChannelRecords, readChannelRecord } from '#common/channel-records';
import { redisKeys, storeKeys } from '#common/contracts/names';
import { PipelineError } from '#common/errors';
import type { FpsName } from '#common/grid';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import type { ObjectStore } from '#common/store/store';

/** More channels than this are refused: each costs memory in every service. */
const MOST_CHANNELS = 1_000;

/** What a catalogue works with. */
export interface CatalogueDeps {
  readonly redis: Redis;
  readonly store: ObjectStore;
  readonly logger: Logger;
}

/** See the head of this file. Changes are made one after another. */
export class Catalogue {
  readonly #deps: CatalogueDeps;
  readonly #channels = new Map<string, Channel>();
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(deps: CatalogueDeps) {
    this.#deps = deps;
  }

  /** Reads every channel from the store and mirrors them; to be done first. */
  open(): Promise<void> {
    return this.#change(() => this.#mirror());
  }

  /** Every channel, by id. */
  list(): readonly Channel[] {
    return [...this.#channels.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** A channel, or undefined. */
  find(id: string): Channel | undefined {
    return this.#channels.get(id);
  }

  /**
   * A channel.
   * @throws PipelineError `NOT_FOUND`
   */
  get(id: string): Channel {
    const channel = this.#channels.get(id);
    if (channel === undefined) {
      throw new PipelineError('NOT_FOUND', `there is no channel ${id}`);
    }
    return channel;
  }

  /**
   * Adds a channel.
   * @throws PipelineError `CONFLICT` when its id is taken
   */
  create(channel: Channel): Promise<Channel> {
    return this.#change(async () => {
      if (this.#channels.size >= MOST_CHANNELS) {
        throw new PipelineError(
          'CONFLICT',
          `there are ${MOST_CHANNELS} channels: delete one first`,
        );
      }
      const key = storeKeys.channel(channel.id);
      const answer = await this.#deps.store.put(key, bodyOf(channel), { ifAbsent: true });
      if (answer === 'exists') {
        throw new PipelineError('CONFLICT', `id: there is a channel ${channel.id} already`);
      }
      return this.#publish(channel);
    });
  }

  /**
   * Changes a channel.
   * @throws PipelineError `NOT_FOUND`, and what `change` throws
   */
  update(id: string, change: (channel: Channel) => Channel): Promise<Channel> {
    return this.#change(async () => {
      // As it is by now, should a notice of another control's change have been lost.
      const { store, logger } = this.#deps;
      const channel = change((await readChannelRecord(store, id, logger)) ?? this.get(id));
      await this.#deps.store.put(storeKeys.channel(id), bodyOf(channel));
      return this.#publish(channel);
    });
  }

  /** Removes a channel; its recordings stay. */
  remove(id: string): Promise<void> {
    return this.#change(async () => {
      await this.#deps.store.delete(storeKeys.channel(id));
      this.#channels.delete(id);
      await this.#deps.redis.hdel(redisKeys.channels, id);
      await this.#deps.redis.publish(redisKeys.channelChanged, id);
    });
  }

  /** Keeps the frame rate that a feed has decided, if the owner set none. */
  async decideFps(id: string, fps: FpsName): Promise<void> {
    const channel = this.#channels.get(id);
    if (channel?.fps === null) {
      await this.update(id, (present) => ({ ...present, fps: present.fps ?? fps }));
    }
  }

  /** Takes over a change that another control made. */
  async refresh(id: string): Promise<void> {
    const { redis, store, logger } = this.#deps;
    const text = await redis.hget(redisKeys.channels, id);
    // A mirror without the channel may also be one that is being filled anew.
    const channel =
      text === null
        ? await readChannelRecord(store, id, logger)
        : channelSchema.parse(JSON.parse(text));
    if (channel === undefined) {
      this.#channels.delete(id);
    } else {
      this.#channels.set(id, channel);
    }
  }

  /**
   * Writes the mirror anew, after Redis was emptied or out of reach. While the store is away the mirror only gets what
   * it lacks of what is known here, which may be older than what another control has written.
   */
  mirror(): Promise<void> {
    return this.#change(async () => {
      try {
        await this.#mirror();
      } catch (error) {
        const { redis, logger } = this.#deps;
        logger.warn({ error }, 'channels not read again, mirrored as they are known here');
        await fillMirror(redis, this.list());
      }
    });
  }

  async #mirror(): Promise<void> {
    const { redis, store, logger } = this.#deps;
    const ids = await listChannelRecords(store);
    for (const id of ids) {
      const channel = await readChannelRecord(store, id, logger);
      if (channel !== undefined) {
        this.#channels.set(id, channel);
      }
    }
    const listed = new Set(ids);
    for (const id of new Set([
      ...this.#channels.keys(),
      ...(await redis.hkeys(redisKeys.channels)),
    ])) {
      // One that was not listed may have been made since: only what has no record is gone.
      if (!listed.has(id)) {
        const channel = await readChannelRecord(store, id, logger);
        if (channel === undefined) {
          this.#channels.delete(id);
          await redis.hdel(redisKeys.channels, id);
          await redis.publish(redisKeys.channelChanged, id);
        } else {
          this.#channels.set(id, channel);
        }
      }
    }
    const pipeline = redis.multi();
    for (const channel of this.#channels.values()) {
      pipeline.hset(redisKeys.channels, channel.id, JSON.stringify(channel));
      pipeline.publish(redisKeys.channelChanged, channel.id);
    }
    await pipeline.exec();
  }

  async #publish(channel: Channel): Promise<Channel> {
    this.#channels.set(channel.id, channel);
    await this.#deps.redis.hset(redisKeys.channels, channel.id, JSON.stringify(channel));
    await this.#deps.redis.publish(redisKeys.channelChanged, channel.id);
    return channel;
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#lastChange.then(change);
    this.#lastChange = changed.catch(() => undefined);
    return changed;
  }
}

const bodyOf = (channel: Channel): Buffer => Buffer.from(JSON.stringify(channel, null, 2));
