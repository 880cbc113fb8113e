/** One soak: a pipeline with a publisher that never ends or begins ever anew, a viewer, and readings of everything. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { linkSignals } from '#common/linked-signal';
import { connectRedis } from '#common/redis';
import type { Ladder } from '#common/contracts/channel';
import { readFlv } from '../helpers/flv.ts';
import { fastClock, startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { makeClip } from '../helpers/sources.ts';
import { words } from '../helpers/child.ts';
import type { KeyFamily } from './bounds.ts';
import { bytesByFolder } from './disk.ts';
import { loopOf, publishLoop, type Loop } from './loop.ts';
import { environmentOf } from './processes.ts';
import { readLag, readOn } from './readings.ts';
import { readRecordings, type Recorded } from './recordings.ts';
import type { Reading } from './report.ts';
import { Viewer, type Viewed } from './viewer.ts';

/** The channel that is soaked. Its DVR window is full before the readings count. */
export const CHANNEL = { id: 'soak', dvrSeconds: 120, reconnectSeconds: 10 } as const;
/** Two small renditions and sound. */
export const LADDER: Ladder = {
  video: [
    { height: 180, maxBitrateBps: 300_000 },
    { height: 90, maxBitrateBps: 120_000 },
  ],
  audio: { bitrateBps: 64_000 },
  preset: 'superfast',
};
/** The smallest memories that origin and edge may have: they, too, are full before the readings count. */
const MEMORIES = { MEMORY_BYTES: String(16 * 1024 ** 2), CACHE_BYTES: String(8 * 1024 ** 2) };

/** The clip: whole frames, groups of pictures and AAC frames, so that it can follow itself. */
const LOOP_MS = 16_000;
const LOOP_FROM_MS = 200;

/** Real milliseconds in which what is still on its way at the end may be recorded. */
const DRAIN_MS = 240_000;

/** How a soak runs. */
export interface SoakOptions {
  readonly rate: number;
  /** Clock minutes. */
  readonly minutes: number;
  /** Clock seconds on air and off, over and over; undefined: on air all the time. */
  readonly cycle: { readonly on: number; readonly off: number } | undefined;
  readonly families: readonly KeyFamily[];
  readonly say: (text: string) => void;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** What a soak saw. */
export interface Soaked {
  readonly readings: readonly Reading[];
  readonly viewed: Viewed;
  readonly publishes: number;
  /** Bytes of the store when the readings began and ended. */
  readonly store: { readonly before: number; readonly after: number };
  /** Numbers that no recording has, of how many. */
  readonly recorded: Recorded;
  readonly wentBad: readonly string[];
}

/** The loop every soak publishes: 320×180, 30 frames and a keyframe every two seconds, AAC at 48 kHz. */
export async function makeLoop(): Promise<{ readonly loop: Loop; readonly bps: number }> {
  const clip = await makeClip(
    {
      name: 'soak',
      fps: '30',
      sizes: [{ width: 320, height: 180 }],
      x264: words`-preset superfast -g 60 -keyint_min 60 -sc_threshold 0 -bf 0`,
      sound: 'programme',
      rate: 48_000,
      channels: 2,
    },
    LOOP_MS / 1000 + 2,
  );
  const loop = loopOf(readFlv(await readFile(clip.path)), LOOP_FROM_MS, LOOP_MS);
  const bytes = loop.body.reduce((sum, { data }) => sum + data.length, 0);
  return { loop, bps: (8_000 * bytes) / LOOP_MS };
}

/** A pipeline at a rate with the channel to be soaked, and its key. */
export async function openChannel(
  rate: number,
): Promise<{ readonly pipeline: Pipeline; readonly key: string }> {
  const pipeline = await startPipeline({ ...fastClock(rate), ...MEMORIES });
  const key = await pipeline.api.createChannel({
    ...CHANNEL,
    fps: '30',
    ladder: LADDER,
    profile: 'standard',
  });
  return { pipeline, key };
}

/** Publishes once the key is known to ingest, which hears of it a moment after the API's answer. */
async function publish(
  pipeline: Pipeline,
  key: string,
  loop: Loop,
  rate: number,
  signal: AbortSignal,
): Promise<void> {
  let hasBegun = false;
  await eventually(
    'the stream key to be accepted',
    async () => {
      if (hasBegun || signal.aborted) {
        return true;
      }
      const began = performance.now();
      try {
        await publishLoop(loop, { port: pipeline.rtmpPort, key }, rate, signal);
        return true;
      } catch (error) {
        // Only a refusal at the door is tried again.
        hasBegun = performance.now() - began > 2_000;
        throw error;
      }
    },
    { timeoutMs: 5_000 },
  );
}

/** Publishes for a while at a rate; gives the lags of the second half of the time. */
export async function lagsAt(rate: number, loop: Loop, seconds: number): Promise<number[]> {
  const { pipeline, key } = await openChannel(rate);
  const stop = new AbortController();
  const lags: number[] = [];
  try {
    const publishing = publish(pipeline, key, loop, rate, stop.signal);
    publishing.catch(() => undefined);
    for (let second = 0; second < seconds; second += 1) {
      await delay(1_000);
      const lag = await readLag(pipeline, CHANNEL.id);
      if (second >= seconds / 2) {
        lags.push(lag ?? Infinity);
      }
    }
    stop.abort();
    await publishing;
  } finally {
    stop.abort();
    await pipeline.close();
  }
  return lags;
}

/** Runs one soak from the first tag to the last recording. */
export async function soak(options: SoakOptions, loop: Loop): Promise<Soaked> {
  const { rate, cycle, say } = options;
  const { pipeline, key } = await openChannel(rate);
  const stop = new AbortController();
  const wentBad: string[] = [];
  const quiet = pino({ level: 'silent' });
  const redis = connectRedis(environmentOf(pipeline.pid, 'scheduler', 'REDIS_URL'), 'soak', quiet);
  let publishes = 0;
  const keepPublishing = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      publishes += 1;
      const onAir = linkSignals([stop.signal], cycle && (cycle.on * 1000) / rate);
      await publish(pipeline, key, loop, rate, onAir.signal).catch((error: unknown) => {
        wentBad.push(`publish ${publishes}: ${String(error)}`);
      });
      onAir.release();
      if (cycle !== undefined) {
        const off = { signal: stop.signal };
        await delay((cycle.off * 1000) / rate, undefined, off).catch(() => undefined);
      }
    }
  };
  const viewer = new Viewer({
    edge: pipeline.edge,
    channel: CHANNEL.id,
    everyMs: 1_000 / rate,
    signal: stop.signal,
  });
  try {
    const publishing = keepPublishing();
    // Met where it is awaited; until then it must not end the process and leave the pipeline behind.
    publishing.catch(() => undefined);
    await eventually('the first segment', async () => readLag(pipeline, CHANNEL.id), {
      timeoutMs: 60_000,
    });
    const watching = viewer.watch();
    watching.catch(() => undefined);
    const storeFolder = path.join(pipeline.dataDir, 'store');
    const before = (await bytesByFolder(storeFolder)).get('media') ?? 0;
    const readings = await readOn({ pipeline, redis, channel: CHANNEL.id, ...options });
    stop.abort();
    await Promise.all([publishing, watching]);
    const recorded = await readRecordings(
      pipeline,
      CHANNEL.id,
      options.signal.aborted ? 0 : DRAIN_MS,
    );
    const stored = await bytesByFolder(storeFolder);
    const after = stored.get('media') ?? 0;
    say(`store: ${[...stored].map(([name, bytes]) => `${name} ${bytes}`).join(', ')}`);
    return {
      readings,
      viewed: viewer.viewed,
      publishes,
      store: { before, after },
      recorded,
      wentBad,
    };
  } finally {
    stop.abort();
    redis.disconnect();
    await pipeline.close();
  }
}
