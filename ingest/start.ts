/** The ingest service: RTMP in; the log, hot streams, raw chunks and in_MQ out. */
import { join } from 'node:path';
import { Gauge, type Registry } from 'prom-client';
import { openChannelDirectory } from '#common/channel-directory';
import { appendToLog } from '#common/channel-log';
import type { Clock } from '#common/clock';
import { DRAIN_MS } from '#common/drain';
import type { Logger } from '#common/logger';
import { execute, type Redis } from '#common/redis';
import { watchRedisLife } from '#common/redis-life';
import type { ObjectStore } from '#common/store/store';
import { ChannelMemory } from './channel-memory.ts';
import { ChunkUploader, type JobQueue } from './raw/chunk-uploader.ts';
import type { IngestConfig } from './config.ts';
import { Feeds } from './feed/feeds.ts';
import { HotWriter } from './feed/hot-writer.ts';
import { RawWriter } from './raw/raw-writer.ts';
import { startRtmpListener } from './rtmp-listener.ts';
import { Spool } from './raw/spool.ts';

/** What ingest needs of its surroundings. */
export interface IngestDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly redis: Redis;
  readonly hotRedis: Redis;
  readonly connect: (name: string) => Redis;
  readonly store: Pick<ObjectStore, 'put'>;
  readonly queue: JobQueue;
  readonly metrics: Registry;
}

/** A running ingest. */
export interface Ingest {
  /** Where publishers connect. */
  readonly port: number;
  /** Refuses new feeds, ends those there are and finishes their chunks; for a Redis that is away only until the deadline. */
  close(): Promise<void>;
}

/** Real milliseconds: see `RtmpTimeouts`. */
const TIMEOUTS = { greeting: 5_000, setup: 10_000, silence: 15_000 };
/** What goes over the wire beside a feed at the permitted rate: headers, and what `WireBudget` adds to them. */
const WIRE_OVERHEAD = 2;
/** Real milliseconds that closing may take in all: less than a part of a service gets. */
const CLOSE_MS = 4_500;

/** Starts ingest; first finishes what an earlier process left in the spool. */
export async function startIngest(config: IngestConfig, deps: IngestDeps): Promise<Ingest> {
  const { clock, logger, metrics, redis } = deps;
  const spool = new Spool(join(config.DATA_DIR, 'ingest-spool'));
  const uploader = new ChunkUploader({ ...deps, spool }, config.SPOOL_MAX_BYTES);
  await recover(spool, uploader, deps);

  const giveUp = new AbortController();
  const memory = new ChannelMemory(redis, clock, logger);
  const subscriber = deps.connect('channels');
  const directory = await openChannelDirectory({ redis, subscriber, logger });
  const feeds = new Feeds({
    clock,
    logger,
    redis,
    maxBitrate: config.FEED_MAX_BITRATE,
    directory,
    decide: (channel, detected) => memory.decide(channel, detected),
    onIndex: (channel, index) => {
      memory.note(channel, index);
    },
    openHot: ({ id, profile }, session) =>
      new HotWriter(
        {
          ...deps,
          logger: logger.child({ channel: id, session }),
          giveUp: giveUp.signal,
          isGathering: profile === 'standard',
        },
        id,
        session,
      ),
    openRaw: (grid, channel, session) =>
      new RawWriter(
        {
          spool,
          clock,
          logger: logger.child({ channel, session }),
          onChunk: (name) => {
            uploader.add(name);
          },
        },
        grid,
        channel,
        session,
      ),
    onEnded: (channel, session) => spool.closeSession(channel, session),
  });
  const life = watchRedisLife(redis, logger, () => {
    feeds.appendAgain();
    return Promise.resolve();
  });
  directory.watch((id) => {
    feeds.checkKey(id);
  });
  directory.watchDrops((id) => {
    feeds.drop(id, 'the broadcast was ended');
  });
  const listener = await startRtmpListener(
    {
      host: config.BIND_HOST,
      port: config.RTMP_PORT,
      limits: {
        total: config.RTMP_MAX_CONNECTIONS,
        perSource: config.RTMP_MAX_CONNECTIONS_PER_ADDRESS,
      },
      bitrate: config.FEED_MAX_BITRATE * WIRE_OVERHEAD * Math.max(1, clock.rate),
      timeouts: TIMEOUTS,
    },
    { publishers: feeds, logger, metrics },
  );
  gauges(metrics, feeds, uploader);
  logger.info({ port: listener.port }, 'rtmp open');
  return {
    port: listener.port,
    close: async () => {
      const began = performance.now();
      listener.refuse();
      const deadline = setTimeout(() => {
        giveUp.abort();
      }, DRAIN_MS);
      await life.close();
      await feeds.close();
      clearTimeout(deadline);
      await listener.close();
      await directory.close();
      await uploader.close(CLOSE_MS - (performance.now() - began));
    },
  };
}

/** Finishes the chunks of a process that was killed, and ends its sessions in the log. */
async function recover(spool: Spool, uploader: ChunkUploader, deps: IngestDeps): Promise<void> {
  for (const { channel, session, isOpen, chunks } of await spool.find()) {
    deps.logger.info({ channel, session, chunks: chunks.length }, 'spooled session found');
    chunks.forEach((name) => {
      uploader.add(name);
    });
    if (isOpen) {
      const pipeline = deps.redis.pipeline();
      const at = deps.clock.now();
      appendToLog(pipeline, channel, { t: 'end', session, clean: false, at });
      await execute(pipeline);
    }
    await spool.closeSession(channel, session);
  }
}

function gauges(metrics: Registry, feeds: Feeds, uploader: ChunkUploader): void {
  const registers = [metrics];
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('touchline_ingest_feeds', 'Feeds being published', () => feeds.size);
  gauge('touchline_ingest_spool_bytes', 'Raw chunks that wait for the store', () => {
    return uploader.waitingBytes;
  });
}
