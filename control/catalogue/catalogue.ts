/** The channels: the store has the truth, Redis a mirror that other services read, and this process a copy. */
import { channelSchema, type Channel } from '#common/contracts/channel';
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

  private constructor(deps: CatalogueDeps) {
    this.#deps = deps;
  }

  /** Reads every channel from the store and mirrors them. */
  static async open(deps: CatalogueDeps): Promise<Catalogue> {
    const catalogue = new Catalogue(deps);
    for await (const key of deps.store.list(storeKeys.channelPrefix)) {
      const channel = await catalogue.#read(key);
      if (channel !== undefined) {
        catalogue.#channels.set(channel.id, channel);
      }
    }
    await catalogue.mirror();
    return catalogue;
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
      const channel = change(this.get(id));
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

  /** Takes over a change that another scheduler made. */
  async refresh(id: string): Promise<void> {
    const text = await this.#deps.redis.hget(redisKeys.channels, id);
    if (text === null) {
      this.#channels.delete(id);
    } else {
      this.#channels.set(id, channelSchema.parse(JSON.parse(text)));
    }
  }

  /** Writes the mirror anew. */
  async mirror(): Promise<void> {
    const { redis } = this.#deps;
    const known = await redis.hkeys(redisKeys.channels);
    const gone = known.filter((id) => !this.#channels.has(id));
    const pipeline = redis.multi();
    if (gone.length > 0) {
      pipeline.hdel(redisKeys.channels, ...gone);
    }
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

  async #read(key: string): Promise<Channel | undefined> {
    const body = await this.#deps.store.get(key);
    try {
      return body && channelSchema.parse(JSON.parse(body.toString('utf8')));
    } catch (error) {
      this.#deps.logger.error({ error, key }, 'channel record cannot be read');
      return undefined;
    }
  }
}

const bodyOf = (channel: Channel): Buffer => Buffer.from(JSON.stringify(channel, null, 2));
