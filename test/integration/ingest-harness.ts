/** Ingest in this process, with a redis-server of its own, a folder store and one channel. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { createClock } from '#common/clock';
import { DEFAULT_LADDER, type Channel } from '#common/contracts/channel';
import type { CodedFrame } from '#common/contracts/frame';
import { logEntrySchema, type IngestEntry } from '#common/contracts/log';
import { redisKeys } from '#common/contracts/names';
import type { ChunkJob } from '#common/contracts/raw-chunk';
import { readHotFrames } from '#common/hot-frames';
import { PipelineError } from '#common/errors';
import { createLogger, type Logger } from '#common/logger';
import { connectRedis, type Redis } from '#common/redis';
import { openFolderStore } from '#common/store/folder';
import type { ObjectStore } from '#common/store/store';
import { parseConfig } from '#common/config';
import { ingestSettings } from '../../ingest/config.ts';
import { startIngest, type Ingest } from '../../ingest/start.ts';
import { runOk, words } from '../helpers/child.ts';
import { isPicture, readFlv, type FlvTag } from '../helpers/flv.ts';
import { eventually } from '../helpers/poll.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import type { RtmpPublisher } from '../helpers/rtmp-publisher.ts';

export const STREAM_KEY = '00112233445566778899aabbccddeeff';

/** A channel whose key is {@link STREAM_KEY} unless said otherwise. */
export const testChannel = (id: string, key = STREAM_KEY): Channel => ({
  id,
  name: id,
  fps: null,
  profile: 'standard',
  ladder: DEFAULT_LADDER,
  fixedLadder: false,
  priority: 50,
  dvrSeconds: 1800,
  reconnectSeconds: 60,
  streamKeyHash: createHash('sha256').update(key).digest('hex'),
  createdAt: '2026-01-01T00:00:00.000Z',
});

export interface IngestHarness {
  readonly ingest: Ingest;
  readonly port: number;
  readonly redis: Redis;
  readonly server: TestRedis;
  readonly store: Pick<ObjectStore, 'get' | 'put'>;
  readonly jobs: ChunkJob[];
  readonly dataDir: string;
  setChannel(channel: Channel): Promise<void>;
  log(channel: string): Promise<IngestEntry[]>;
  hot(channel: string, session: string): Promise<CodedFrame[]>;
  /** Ends ingest and starts another over the same folders. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startHarness(
  options: {
    env?: Record<string, string>;
    isStoreAway?: () => boolean;
    /** By default a temporary folder. */
    dataDir?: string;
    clockRate?: number;
    logger?: Logger;
  } = {},
): Promise<IngestHarness> {
  const server = await startRedis();
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'touchline-ingest-')));
  const logger =
    options.logger ?? createLogger('ingest-test', process.env['INGEST_TEST_LOG'] ?? 'silent');
  const redis = connectRedis(server.url, 'test', logger);
  const connections: Redis[] = [redis];
  const folder = openFolderStore(join(dataDir, 'store'));
  const store: Pick<ObjectStore, 'get' | 'put'> = {
    get: (key) => folder.get(key),
    put: (...parameters) =>
      options.isStoreAway?.() === true
        ? Promise.reject(new PipelineError('STORE_FAILED', 'away'))
        : folder.put(...parameters),
  };
  const config = parseConfig(ingestSettings, {
    RTMP_PORT: '0',
    DATA_DIR: dataDir,
    REDIS_URL: server.url,
    ...options.env,
  });
  const jobs: ChunkJob[] = [];
  const setChannel = async (channel: Channel): Promise<void> => {
    await redis.hset(redisKeys.channels, channel.id, JSON.stringify(channel));
    await redis.publish(redisKeys.channelChanged, channel.id);
    // The subscriber's answer comes after the notice, and ours after the look that the notice led to.
    for (const connection of connections.filter(({ status }) => status === 'ready')) {
      await connection.ping();
    }
    await redis.ping();
  };
  await setChannel(testChannel('main'));
  const start = (): Promise<Ingest> =>
    startIngest(config, {
      logger,
      clock: createClock({ rate: options.clockRate ?? 1, origin: Date.now() }),
      redis,
      hotRedis: redis,
      connect: (name) => {
        const connection = connectRedis(server.url, name, logger);
        connections.push(connection);
        return connection;
      },
      store,
      queue: {
        add: (_name, data) => {
          jobs.push(data);
          return Promise.resolve();
        },
      },
      metrics: new Registry(),
    });
  let ingest = await start();
  return {
    get ingest() {
      return ingest;
    },
    get port() {
      return ingest.port;
    },
    redis,
    server,
    store,
    jobs,
    dataDir,
    setChannel,
    log: async (channel) => {
      const entries = await redis.xrange(redisKeys.log(channel), '-', '+');
      return entries.flatMap(([, fields]) => {
        const entry = logEntrySchema.parse(JSON.parse(fields[1] ?? 'null'));
        return entry.t === 'session' || entry.t === 'frames' || entry.t === 'end' ? [entry] : [];
      });
    },
    hot: (channel, session) => readHotFrames(redis, channel, session, 0, 1_000_000),
    restart: async () => {
      await ingest.close();
      ingest = await start();
    },
    close: async () => {
      await ingest.close();
      connections.forEach((connection) => {
        connection.disconnect();
      });
      await server.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Four seconds of picture with B-frames and sound. */
export async function makeClip(): Promise<FlvTag[]> {
  const { stdout } = await runOk(
    'ffmpeg',
    words`-v error -f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000
      -t 4 -c:v libx264 -preset ultrafast -g 30 -bf 2 -c:a aac -f flv pipe:1`,
  );
  return readFlv(stdout);
}

export const picturesOf = (clip: readonly FlvTag[]): number => clip.filter(isPicture).length;

/** Sends a clip, `speed` times as fast as it plays; a step of its clock by `step` milliseconds takes no time. */
export async function play(
  publisher: RtmpPublisher,
  clip: readonly FlvTag[],
  speed = 1,
  step = Number.POSITIVE_INFINITY,
): Promise<void> {
  const began = performance.now();
  for (const tag of clip) {
    const due = (tag.timestamp % step) / speed - (performance.now() - began);
    if (due > 5) {
      await new Promise((resolve) => setTimeout(resolve, due));
    }
    await publisher.send(tag);
  }
}

/** Resolves once so many sessions of a channel have ended. */
export const ended = (harness: IngestHarness, channel: string, count = 1): Promise<boolean> =>
  eventually('the end of the session', async () => {
    const ends = (await harness.log(channel)).filter((entry) => entry.t === 'end');
    return ends.length >= count ? true : undefined;
  });
