/** What operators do to channels; the control API and the control room are two faces of it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import { readBroadcasts } from '#common/broadcast-records';
import type { Clock } from '#common/clock';
import type { Channel } from '#common/contracts/channel';
import type { ChannelView, StatusView } from '#common/contracts/channel-status';
import type { RoomChannel } from '#common/contracts/control-room';
import type { Broadcast } from '#common/contracts/segment';
import { redisKeys } from '#common/contracts/names';
import type { ViewersView } from '#common/contracts/viewer-latency';
import type { DiskState } from '#common/disk';
import { askForEnd, forgetEndAsked } from '#common/end-requests';
import { PipelineError } from '#common/errors';
import { readFillers, type Filler } from '#common/fillers';
import type { FpsName } from '#common/grid';
import { readLeader, type LeaderView } from '#common/leader-status';
import type { Redis } from '#common/redis';
import type { ObjectStore } from '#common/store/store';
import { CHANNEL_DEFAULTS } from '../catalogue/boot-channels.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { hashOfStreamKey, keepStreamKey, newStreamKey } from '../catalogue/stream-keys.ts';
import { readAir, readEverything, readLive, readOnAir, type LiveState } from './live-state.ts';
import type { createBodySchema, patchBodySchema } from './schemas.ts';
import { statusOf } from './status.ts';

const END_WAIT_MS = 5_000;
const END_POLL_MS = 50;
/** The leader is asked again so often, for it may have changed. */
const END_ASK_MS = 1_000;

/** What the operators' actions need. */
export interface ChannelServiceDeps {
  readonly redis: Redis;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly catalogue: Catalogue;
  /** Channels whose key is also kept in a file of this folder. */
  readonly bootChannels: readonly string[];
  readonly folder: string;
  readonly disk: () => Promise<DiskState>;
  /** What viewers' players tell, by channel. */
  readonly viewers: () => Promise<ReadonlyMap<string, ViewersView>>;
}

/** See the head of this file. Methods throw PipelineError `NOT_FOUND`, `CONFLICT`, `BAD_REQUEST`. */
export class ChannelService {
  readonly #deps: ChannelServiceDeps;

  constructor(deps: ChannelServiceDeps) {
    this.#deps = deps;
  }

  async list(): Promise<readonly ChannelView[]> {
    const onAir = await readOnAir(this.#deps.redis);
    return this.#deps.catalogue.list().map((channel) => viewOf(channel, onAir.has(channel.id)));
  }

  async get(id: string): Promise<ChannelView> {
    const channel = this.#deps.catalogue.get(id);
    return viewOf(channel, (await this.#air(id)) !== undefined);
  }

  async create(
    body: z.output<typeof createBodySchema>,
  ): Promise<ChannelView & { streamKey: string }> {
    const { catalogue, clock } = this.#deps;
    if (body.fps?.includes('/') === true) {
      await this.#assertNumbersRise({ id: body.id, fps: null }, body.fps);
    }
    const streamKey = newStreamKey();
    const channel = await catalogue.create({
      id: body.id,
      name: body.name ?? body.id,
      fps: body.fps ?? CHANNEL_DEFAULTS.fps,
      profile: body.profile ?? CHANNEL_DEFAULTS.profile,
      ladder: body.ladder ?? CHANNEL_DEFAULTS.ladder,
      fixedLadder: body.fixedLadder ?? body.ladder !== undefined,
      priority: body.priority ?? CHANNEL_DEFAULTS.priority,
      dvrSeconds: body.dvrSeconds ?? CHANNEL_DEFAULTS.dvrSeconds,
      reconnectSeconds: body.reconnectSeconds ?? CHANNEL_DEFAULTS.reconnectSeconds,
      streamKeyHash: hashOfStreamKey(streamKey),
      createdAt: new Date(clock.now()).toISOString(),
    });
    return { ...viewOf(channel, false), streamKey };
  }

  async patch(id: string, body: z.output<typeof patchBodySchema>): Promise<ChannelView> {
    const channel = this.#deps.catalogue.get(id);
    const isOnAir = (await this.#air(id)) !== undefined;
    if (body.fps !== undefined && body.fps !== channel.fps) {
      if (isOnAir) {
        throw new PipelineError(
          'CONFLICT',
          'fps: can be changed only while the channel is off air',
        );
      }
      await this.#assertNumbersRise(channel, body.fps);
      // Ingest keeps a detected rate there until the channel's record has it.
      await this.#deps.redis.hdel(redisKeys.detectedFps, id);
    }
    const changes = Object.fromEntries(
      // Who sets a ladder wants it, unless he says otherwise.
      Object.entries({ ...(body.ladder && { fixedLadder: true }), ...body }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    const changed = await this.#deps.catalogue.update(id, (present) => ({
      ...present,
      ...changes,
    }));
    return viewOf(changed, isOnAir);
  }

  async remove(id: string): Promise<void> {
    this.#deps.catalogue.get(id);
    if ((await this.#air(id)) !== undefined) {
      throw new PipelineError('CONFLICT', `channel ${id} is on air: end its broadcast first`);
    }
    await this.#deps.catalogue.remove(id);
    const { redis } = this.#deps;
    await redis.publish(redisKeys.dropFeed, id);
    await redis.hdel(redisKeys.detectedFps, id);
    await redis.hdel(redisKeys.feeds, id);
    await redis.hdel(redisKeys.origin, id);
    await redis.hdel(redisKeys.storedChunks, id);
    await forgetEndAsked(redis, id);
    await redis.del(redisKeys.checkpoint(id), redisKeys.log(id), redisKeys.published(id));
  }

  async renewKey(id: string): Promise<ChannelView & { streamKey: string }> {
    const { catalogue, redis, bootChannels, folder } = this.#deps;
    catalogue.get(id);
    const streamKey = newStreamKey();
    if (bootChannels.includes(id)) {
      await keepStreamKey(folder, id, streamKey);
    }
    const channel = await catalogue.update(id, (present) => ({
      ...present,
      streamKeyHash: hashOfStreamKey(streamKey),
    }));
    await redis.publish(redisKeys.dropFeed, id);
    return { ...viewOf(channel, (await this.#air(id)) !== undefined), streamKey };
  }

  /** Ends the broadcast on air and waits until that has happened. */
  async end(id: string): Promise<{ id: string; broadcast: number }> {
    const { redis, catalogue } = this.#deps;
    catalogue.get(id);
    const air = await this.#air(id);
    if (air === undefined) {
      throw new PipelineError('CONFLICT', `channel ${id} is not on air`);
    }
    for (let waited = 0; waited < END_WAIT_MS; waited += END_POLL_MS) {
      if (waited % END_ASK_MS === 0) {
        await askForEnd(redis, air);
      }
      if ((await this.#air(id))?.broadcast !== air.broadcast) {
        return { id, broadcast: air.broadcast };
      }
      await delay(END_POLL_MS);
    }
    throw new PipelineError(
      'TIMEOUT',
      'the broadcast has not ended yet: no scheduler leads; the next one ends it',
    );
  }

  async status(id: string): Promise<StatusView> {
    const { redis, catalogue } = this.#deps;
    const channel = catalogue.get(id);
    const [live, fillers, leader, disk, viewers] = await Promise.all([
      readLive(redis, id),
      readFillers(redis, id),
      readLeader(redis),
      this.#deps.disk(),
      this.#deps.viewers(),
    ]);
    return this.#statusOf(channel, live, { fillers, leader, disk, viewers });
  }

  /** Every channel with its status, by few questions to Redis however many channels there are. */
  async room(): Promise<readonly RoomChannel[]> {
    const { redis, catalogue } = this.#deps;
    const [known, leader, disk, viewers] = await Promise.all([
      readEverything(redis),
      readLeader(redis),
      this.#deps.disk(),
      this.#deps.viewers(),
    ]);
    return Promise.all(
      catalogue.list().map(async (channel) => {
        const live = known(channel.id);
        // Fillers are of what is on air.
        const fillers = live.air === undefined ? [] : await readFillers(redis, channel.id);
        return {
          channel: viewOf(channel, live.air !== undefined),
          status: this.#statusOf(channel, live, { fillers, leader, disk, viewers }),
          startedAt: live.air?.startedAt ?? null,
        };
      }),
    );
  }

  #statusOf(
    channel: Channel,
    { stored, ...live }: LiveState,
    own: {
      readonly fillers: readonly Filler[];
      readonly leader: LeaderView;
      readonly disk: DiskState;
      readonly viewers: ReadonlyMap<string, ViewersView>;
    },
  ): StatusView {
    const { leader, fillers, disk, viewers } = own;
    return statusOf({
      ...live,
      channel,
      fillers,
      disk,
      viewers: viewers.get(channel.id),
      isLed: leader.isLed,
      unfinished: leader.unfinished[channel.id] ?? 0,
      rawStored: stored?.session === live.feed?.session ? stored?.n : undefined,
      now: this.#deps.clock.now(),
    });
  }

  async broadcasts(id: string): Promise<readonly Broadcast[]> {
    this.#deps.catalogue.get(id);
    return readBroadcasts(this.#deps.store, id);
  }

  #air(id: string): Promise<Broadcast | undefined> {
    return readAir(this.#deps.redis, id);
  }

  /**
   * Numbers of a channel never go back.
   * Segments of the rates over 1001 last 2.002 s, those of the others 2 s, so their numbers since the epoch are some
   * twenty days of segments lower. A channel with recordings at a whole rate would meet its own old numbers again.
   */
  async #assertNumbersRise(
    channel: Pick<Channel, 'id' | 'fps'>,
    fps: FpsName | null,
  ): Promise<void> {
    const [newest] = await readBroadcasts(this.#deps.store, channel.id, 1);
    const before = newest?.fps ?? channel.fps;
    const isWhole = (rate: FpsName | null): boolean => rate?.includes('/') === false;
    if (newest !== undefined && isWhole(before) && !isWhole(fps)) {
      throw new PipelineError(
        'CONFLICT',
        `fps: segment numbers would go back from ${before ?? 'the old rate'}; make a new channel`,
      );
    }
  }
}

function viewOf(channel: Channel, onAir: boolean): ChannelView {
  const { streamKeyHash: _hidden, ...shown } = channel;
  return { ...shown, onAir };
}
