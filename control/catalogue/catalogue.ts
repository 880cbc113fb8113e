/** The channels: the store has the truth, Redis a mirror that other services read, and this process a copy. Control alone changes them. */
import { channelSchema, type Channel } from '#common/contracts/channel';
import { claimMirror, fillMirror, mirrorRecord, writeMirror } from '#common/channel-mirror';
import { listChannelRecords, readChannelRecord } from '#common/channel-records';
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

  /**
   * Reads every record and mirrors it. To be done once changes are followed: what is changed meanwhile is heard of, and
   * taken over afterwards.
   */
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
      return this.#write(channel.id, async () => {
        const { store } = this.#deps;
        const key = storeKeys.channel(channel.id);
        const answer = await store.put(key, bodyOf(channel), { ifAbsent: true });
        if (answer === 'exists') {
          throw new PipelineError('CONFLICT', `id: there is a channel ${channel.id} already`);
        }
        return channel;
      });
    });
  }

  /**
   * Changes a channel.
   * @throws PipelineError `NOT_FOUND`, and what `change` throws
   */
  update(id: string, change: (channel: Channel) => Channel | Promise<Channel>): Promise<Channel> {
    return this.#change(() =>
      this.#write(id, async () => {
        // As it is by now, should a notice of another control's change have been lost.
        const { store, logger } = this.#deps;
        const record = await readChannelRecord(store, id, logger);
        if (record === 'none') {
          this.#channels.delete(id);
        }
        const present = typeof record === 'string' ? this.get(id) : record;
        const channel = await change(present);
        await store.put(storeKeys.channel(id), bodyOf(channel));
        return channel;
      }),
    );
  }

  /** Removes a channel; its recordings stay. */
  remove(id: string): Promise<void> {
    return this.#change(async () => {
      await this.#write(id, async () => {
        await this.#deps.store.delete(storeKeys.channel(id));
        return undefined;
      });
    });
  }

  /** Keeps the frame rate that a feed has decided, if the owner set none. */
  async decideFps(id: string, fps: FpsName): Promise<void> {
    const channel = this.#channels.get(id);
    if (channel?.fps === null) {
      await this.update(id, (present) => ({ ...present, fps: present.fps ?? fps }));
    }
  }

  /** Takes over a change that another control made, behind whatever is being read or changed here. */
  refresh(id: string): Promise<void> {
    return this.#change(async () => {
      const { redis, store, logger } = this.#deps;
      const text = await redis.hget(redisKeys.channels, id);
      // A mirror without the channel may also be one that is being filled anew.
      const found =
        text === null
          ? await readChannelRecord(store, id, logger)
          : channelSchema.parse(JSON.parse(text));
      this.#keep(id, found);
    });
  }

  /** Reads every record anew and mirrors it, after notices were lost; while the store is away, reads the mirror. */
  catchUp(): Promise<void> {
    return this.#change(async () => {
      try {
        await this.#mirror();
      } catch (error) {
        const { redis, logger } = this.#deps;
        logger.warn({ error }, 'channels not read again, taken as they are mirrored');
        for (const [id, text] of Object.entries(await redis.hgetall(redisKeys.channels))) {
          this.#keep(id, channelSchema.parse(JSON.parse(text)));
        }
      }
    });
  }

  /**
   * Writes the mirror anew, after Redis was emptied. While the store is away the mirror only gets what it lacks of what
   * is known here, which may be older than what another control has written.
   */
  restore(): Promise<void> {
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
    const { redis, store } = this.#deps;
    const ids = new Set([
      ...(await listChannelRecords(store)),
      ...this.#channels.keys(),
      ...(await redis.hkeys(redisKeys.channels)),
    ]);
    for (const id of ids) {
      this.#keep(id, await mirrorRecord(this.#deps, id));
    }
  }

  /** Changes a channel's record, and the mirror after it. @param change gives what the record is then */
  async #write<T extends Channel | undefined>(id: string, change: () => Promise<T>): Promise<T> {
    const { redis } = this.#deps;
    const claim = await claimMirror(redis, id);
    const changed = await change();
    this.#keep(id, changed ?? 'none');
    if (!(await writeMirror(redis, id, claim, changed))) {
      this.#keep(id, await mirrorRecord(this.#deps, id));
    }
    return changed;
  }

  #keep(id: string, record: Channel | 'none' | 'unreadable'): void {
    if (record === 'none') {
      this.#channels.delete(id);
    } else if (record !== 'unreadable') {
      this.#channels.set(id, record);
    }
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#lastChange.then(change);
    this.#lastChange = changed.catch(() => undefined);
    return changed;
  }
}

const bodyOf = (channel: Channel): Buffer => Buffer.from(JSON.stringify(channel, null, 2));
