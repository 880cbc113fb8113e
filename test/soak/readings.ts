/** Reads a running pipeline every five seconds: processes, Node's heaps, Redis, disk, lateness. */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Redis } from '#common/redis';
import type { Pipeline } from '../helpers/pipeline.ts';
import type { KeyFamily } from './bounds.ts';
import { bytesByFolder } from './disk.ts';
import { readProcesses } from './processes.ts';
import { readInfo, readKeys } from './redis-reading.ts';
import type { Reading } from './report.ts';

const SAMPLE_MS = 5_000;
/** Every so many readings Redis's keys are counted. */
const KEYS_EVERY = 6;
const MINUTE_MS = 60_000;

/** What is read, how long. */
export interface ReadOptions {
  readonly pipeline: Pipeline;
  readonly redis: Redis;
  readonly channel: string;
  readonly rate: number;
  /** Clock minutes. */
  readonly minutes: number;
  readonly families: readonly KeyFamily[];
  readonly say: (text: string) => void;
  /** Ends the readings early. */
  readonly signal: AbortSignal;
}

const lagSchema = z.looseObject({ lagMs: z.number() });

/** How late the newest segment was published after its end, clock milliseconds; undefined while there is none. */
export async function readLag(pipeline: Pipeline, channel: string): Promise<number | undefined> {
  const { renditions } = await pipeline.api.status(channel);
  const lags = renditions.flatMap((rendition) => {
    const parsed = lagSchema.safeParse(rendition);
    return parsed.success ? [parsed.data.lagMs] : [];
  });
  return lags.length === 0 ? undefined : Math.max(...lags);
}

const servicesSchema = z.looseObject({
  services: z.array(z.looseObject({ url: z.string(), pid: z.int() })),
});

async function readHeaps(pipeline: Pipeline): Promise<Reading['heaps']> {
  const { services } = servicesSchema.parse(await pipeline.api.call('GET', '/v1/services', 200));
  const heaps = await Promise.all(
    services.map(async ({ url, pid }) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const figure = (name: string): number =>
        Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
      const used = figure('nodejs_heap_size_used_bytes');
      return [pid, { used, external: figure('nodejs_external_memory_bytes') }] as const;
    }),
  );
  return new Map(heaps);
}

/** Reads until the minutes are over. */
export async function readOn(options: ReadOptions): Promise<Reading[]> {
  const { pipeline, redis, channel, families, say, signal } = options;
  const started = performance.now();
  const lasts = (options.minutes * MINUTE_MS) / options.rate;
  const readings: Reading[] = [];
  for (let count = 0; !signal.aborted && performance.now() - started < lasts; count += 1) {
    const [heaps, memory, lagMs, disk] = await Promise.all([
      readHeaps(pipeline),
      readInfo(redis, 'memory'),
      readLag(pipeline, channel).catch(() => undefined),
      // The store holds too many files to be read that often, and no bound is on it.
      bytesByFolder(pipeline.dataDir, ['store']),
    ]);
    const reading: Reading = {
      at: (performance.now() - started) / MINUTE_MS,
      processes: readProcesses(pipeline.pid),
      heaps,
      redisBytes: memory.get('used_memory') ?? 0,
      keys: count % KEYS_EVERY === 0 ? await readKeys(redis, families) : undefined,
      disk,
      lagMs,
    };
    readings.push(reading);
    if (count % KEYS_EVERY === 0) {
      say(lineOf(reading));
    }
    const next = started + (count + 1) * SAMPLE_MS;
    const wait = Math.max(0, Math.min(next, started + lasts) - performance.now());
    await delay(wait, undefined, { signal }).catch(() => undefined);
  }
  return readings;
}

/** A reading in a line, for whoever watches. */
function lineOf({ at, processes, redisBytes, disk, lagMs }: Reading): string {
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);
  return [
    `${at.toFixed(1)} min`,
    ...processes
      .filter(({ name }) => !['guardian', 'sh', 'sleep', 'ffmpeg'].includes(name))
      .map(({ name, rssBytes, fds }) => `${name} ${mb(rssBytes)}/${fds}`),
    `redis uses ${mb(redisBytes)}`,
    ...[...disk].map(([name, bytes]) => `${name} ${mb(bytes)}`),
    `lag ${String(lagMs)}`,
  ].join(', ');
}
