/** Ingest as a process of its own with a real Redis, so that an attack that ends it is seen, and what it costs. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_LADDER, type Channel } from '#common/contracts/channel';
import { logEntrySchema } from '#common/contracts/log';
import { redisKeys } from '#common/contracts/names';
import { rawRecordSchema } from '#common/contracts/raw-chunk';
import { createLogger } from '#common/logger';
import { connectRedis } from '#common/redis';
import { startRedis } from '../helpers/redis-server.ts';

/** Lets the outside ask for a full collection, and what it keeps after it: bytes of its heap, and of buffers beside it. */
const COLLECT = `process.on('SIGUSR2', () => {
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  process.stderr.write('kept ' + (heapUsed + external) + '\\n');
});`;
const KEPT = /^kept (\d+)$/;
const MAIN = fileURLToPath(new URL('../../dist/ingest/main.js', import.meta.url));

/** What a channel got. */
export interface Received {
  readonly sessions: number;
  /** Pictures and sound frames in the log, and in the records of raw chunks. */
  readonly logged: number;
  readonly stored: number;
}

/** See {@link IngestProcess.usage}. */
export interface Usage {
  readonly kept: number;
  readonly rss: number;
  readonly files: number;
}

/** A running ingest. */
export interface IngestProcess {
  readonly port: number;
  readonly pid: number;
  /** Whether it has not ended. */
  readonly isAlive: boolean;
  /** Everything it logged. */
  readonly output: () => string;
  received(channel: string): Promise<Received>;
  /**
   * Memory in use after full collections, resident memory, both bytes, and open files: each the least of a second. What is
   * resident says less: it is also what the allocator has not given back, more of it the more connections a slow machine has at once.
   */
  usage(): Promise<Usage>;
  close(): Promise<void>;
}

/** The stream key of a channel made here. */
export const keyOf = (id: string): string => `key-of-${id}`;

const channelOf = (id: string): Channel => ({
  id,
  name: id,
  fps: '30',
  profile: 'standard',
  ladder: DEFAULT_LADDER,
  fixedLadder: false,
  priority: 50,
  dvrSeconds: 1800,
  reconnectSeconds: 60,
  streamKeyHash: createHash('sha256').update(keyOf(id)).digest('hex'),
  createdAt: '2026-01-01T00:00:00.000Z',
});

/** Starts Redis and ingest with these channels; needs a build. */
export async function startIngestProcess(channels: readonly string[]): Promise<IngestProcess> {
  const server = await startRedis();
  const dataDir = await mkdtemp(join(tmpdir(), 'touchline-attack-'));
  const redis = connectRedis(server.url, 'attack', createLogger('attack', 'silent'));
  for (const id of channels) {
    await redis.hset(redisKeys.channels, id, JSON.stringify(channelOf(id)));
  }
  const hook = `data:text/javascript,${encodeURIComponent(COLLECT)}`;
  const child = spawn(process.execPath, ['--expose-gc', '--import', hook, MAIN], {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      RTMP_PORT: '0',
      DATA_DIR: dataDir,
      REDIS_URL: server.url,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  const told = new EventEmitter();
  const port = new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      const kept = KEPT.exec(line)?.[1];
      if (kept === undefined) {
        lines.push(line);
      } else {
        told.emit('kept', Number(kept));
      }
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      const found = /"port":(\d+),"msg":"rtmp open"/.exec(line)?.[1];
      if (found !== undefined) {
        resolve(Number(found));
      }
    });
    exited.then(() => reject(new Error(`ingest ended: ${lines.join('\n')}`)), reject);
  });
  const pid = child.pid ?? 0;
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    port: await port,
    pid,
    get isAlive() {
      return isAlive();
    },
    output: () => lines.join('\n'),
    received: async (channel) => {
      const entries = await redis.xrange(redisKeys.log(channel), '-', '+');
      const parsed = entries.map(([, fields]) => logEntrySchema.parse(JSON.parse(fields[1] ?? '')));
      const frames = parsed.flatMap((entry) =>
        entry.t === 'frames' ? [entry.v.length + entry.a.length] : [],
      );
      return {
        sessions: parsed.filter(({ t }) => t === 'session').length,
        logged: frames.reduce((sum, count) => sum + count, 0),
        stored: storedFrames(join(dataDir, 'store'), channel),
      };
    },
    usage: async () => {
      let kept = Infinity;
      let rss = Infinity;
      let files = Infinity;
      for (let i = 0; i < 4 && isAlive(); i += 1) {
        const answer = once(told, 'kept');
        process.kill(pid, 'SIGUSR2');
        const [bytes] = (await Promise.race([answer, exited.then(() => [Infinity])])) as [number];
        await delay(250);
        kept = Math.min(kept, bytes);
        rss = Math.min(rss, residentBytes(pid));
        files = Math.min(files, readdirSync(`/proc/${pid}/fd`).length);
      }
      return { kept, rss, files };
    },
    close: async () => {
      child.kill('SIGTERM');
      const isLate = await Promise.race([
        exited.then(() => false),
        delay(8000, true, { ref: false }),
      ]);
      if (isLate) {
        child.kill('SIGKILL');
      }
      redis.disconnect();
      await server.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function storedFrames(store: string, channel: string): number {
  const records = readdirSync(store, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.includes(`raw/${channel}/`) && name.endsWith('.json'),
  );
  return records.reduce((sum, name) => {
    const record: unknown = JSON.parse(readFileSync(join(store, name), 'utf8'));
    return sum + rawRecordSchema.parse(record).frames.length;
  }, 0);
}

/** VmRSS of proc_pid_status(5). */
function residentBytes(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}
