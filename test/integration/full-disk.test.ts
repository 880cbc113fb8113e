/** A disk that fills up under a running pipeline, and has room again: live goes on, and what is wrong is said. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { redisKeys } from '#common/contracts/names';
import { DISK_LIMITS, freeBytesIn } from '#common/disk';
import { createLogger } from '#common/logger';
import { connectRedis } from '#common/redis';
import { openFolderStore } from '#common/store/folder';
import { DiskWatch } from '../../supervisor/disk-watch.ts';
import { prepareDataFolder } from '../../supervisor/data-folder.ts';
import { Journal } from '../../supervisor/journal.ts';
import { takeLock } from '../../supervisor/lock.ts';
import { startPrivateRedis } from '../../supervisor/private-redis.ts';
import { runOk, words } from '../helpers/child.ts';
import { describeWith } from '../helpers/needs.ts';
import { eventually } from '../helpers/poll.ts';
import { publishClip } from '../helpers/publish-clip.ts';
import { mountSmallDisk, ROOT_MOUNT, type SmallDisk } from '../helpers/small-disk.ts';
import { startHarness, STREAM_KEY } from './ingest-harness.ts';

const MIB = 1024 ** 2;
const silent = createLogger('test', 'silent');

let disk: SmallDisk;

beforeEach(() => {
  disk = mountSmallDisk(64);
});
afterEach(() => {
  disk.close();
});

// A disk that is really full takes a mount.
describeWith(ROOT_MOUNT, 'on a full disk', () => {
  test('a start is refused with one line', () => {
    disk.fill();
    const data = join(disk.folder, 'data');
    expect(() => {
      prepareDataFolder(data);
    }).toThrow(`DATA_DIR is ${data}: that disk is full; free space there, or set DATA_DIR to`);
    disk.free();
    prepareDataFolder(data);
    expect(statSync(data).mode & 0o777).toBe(0o700);
  });

  test('the folder store says so, leaves nothing half-written, and works again after', async () => {
    const store = openFolderStore(join(disk.folder, 'store'));
    await store.put('a/1', Buffer.alloc(MIB));
    disk.fill();
    const refused = { code: 'STORE_FAILED', message: expect.stringContaining('the disk is full') };
    await expect(store.put('a/2', Buffer.alloc(MIB))).rejects.toMatchObject(refused);
    await expect(store.put('b/2', Buffer.alloc(MIB), { ifAbsent: true })).rejects.toMatchObject(
      refused,
    );
    expect(await readdir(join(disk.folder, 'store', '.partial'))).toEqual([]);
    expect(await store.get('a/2')).toBeUndefined();
    disk.free();
    expect(await store.put('a/2', Buffer.alloc(MIB))).toBe('stored');
    expect(await readdir(join(disk.folder, 'store', '.partial'))).toEqual([]);
  });

  test('logs and lock stop nobody, and logs go on when there is room', async () => {
    const shown: string[] = [];
    const journal = new Journal(join(disk.folder, 'logs'), (line) => void shown.push(line));
    const lock = await takeLock(disk.folder);
    const line = JSON.stringify({
      level: 40,
      time: '2026-11-25T00:00:00.000Z',
      msg: 'x'.repeat(300),
    });
    disk.fill();
    for (let count = 0; count < 200; count += 1) {
      journal.take('ingest', line);
    }
    lock.addChild(process.pid);
    lock.removeChild(process.pid);
    expect(shown).toHaveLength(200);
    disk.free();
    journal.take('ingest', JSON.stringify({ level: 40, time: 0, msg: 'room again' }));
    expect(readFileSync(join(disk.folder, 'logs', 'ingest.log'), 'utf8')).toContain('room again');
    await lock.close();
    expect(existsSync(join(disk.folder, 'lock'))).toBe(false);
    await journal.close();
  });

  test('Redis goes on without its file, and has it again when there is room', async () => {
    const folder = join(disk.folder, 'redis');
    mkdirSync(folder);
    const said: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void said.push(line) });
    const host = {
      logger: silent,
      onLine: () => undefined,
      onStart: () => undefined,
      onEnd: () => undefined,
    };
    const env = { PATH: process.env['PATH'] ?? '' };
    const ports = { RTMP_PORT: 0, HTTP_PORT: 0, CONTROL_PORT: 0, ORIGIN_PORT: 0, EDGE_B_PORT: 0 };
    const server = await startPrivateRedis(
      { folder, env, ports, hide: () => undefined },
      host,
      new AbortController().signal,
    );
    const redis = connectRedis(server.url, 'test', silent);
    const watch = new DiskWatch({ folder, logger, redis: server.appendOnlyFile });
    const isKept = async (): Promise<true | undefined> =>
      /aof_enabled:1/.test(await redis.info('persistence')) ? true : undefined;
    try {
      await redis.set('before', 'x'.repeat(MIB));
      expect(await isKept()).toBe(true);
      disk.fill();
      expect(await freeBytesIn(folder)).toBeLessThan(DISK_LIMITS.full);
      await watch.look();
      for (let count = 0; count < 10; count += 1) {
        expect(await redis.set(`during-${count}`, 'y'.repeat(MIB))).toBe('OK');
      }
      expect(said.join()).toContain('disk is full: live goes on');
      disk.free();
      await eventually('the file to be kept again', isKept);
      await eventually('the file to be written', async () =>
        /aof_rewrite_in_progress:0[^]*aof_last_bgrewrite_status:ok[^]*aof_last_write_status:ok/.test(
          await redis.info('persistence'),
        )
          ? true
          : undefined,
      );
      expect(await redis.set('after', 'z')).toBe('OK');
      expect(said.join()).toContain('redis keeps its data on disk again');
    } finally {
      await watch.close();
      redis.disconnect();
      await server.close();
    }
  });

  test('a feed goes on, its status says so, and chunks are kept again when there is room', async () => {
    const clip = join(disk.folder, 'clip.flv');
    await runOk(
      'ffmpeg',
      words`-v error -f lavfi -i testsrc2=size=160x90:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000
        -t 240 -c:v libx264 -preset ultrafast -g 30 -c:a aac -f flv ${clip}`,
    );
    const rate = 4;
    const dataDir = join(disk.folder, 'data');
    mkdirSync(dataDir);
    const harness = await startHarness({ dataDir, clockRate: rate });
    const publication = await publishClip(clip, { port: harness.port, key: STREAM_KEY }, { rate });
    const feed = async (): Promise<{ connected: boolean; warnings: { code: string }[] }> =>
      JSON.parse((await harness.redis.hget(redisKeys.feeds, 'main')) ?? '{"warnings":[]}');
    const isFullTold = async (): Promise<boolean> =>
      (await feed()).warnings.some(({ code }) => code === 'DISK_FULL');
    const newest = async (): Promise<number> => {
      const rows = (await harness.log('main')).flatMap((entry) =>
        entry.t === 'frames' ? [entry] : [],
      );
      return rows.length;
    };
    const growsBy = async (count: number): Promise<true> => {
      const from = await newest();
      return eventually('frames in the log', async () =>
        (await newest()) >= from + count ? true : undefined,
      );
    };
    try {
      await eventually('a chunk in the store', async () =>
        harness.jobs.length > 0 ? true : undefined,
      );
      disk.fill();
      await eventually('the warning', async () => ((await isFullTold()) ? true : undefined));
      await growsBy(60);
      expect(await feed()).toMatchObject({ connected: true });
      expect(publication.publisher.isClosed).toBe(false);
      const before = harness.jobs.length;
      disk.free();
      await eventually('the warning to go', async () => ((await isFullTold()) ? undefined : true));
      await eventually('chunks in the store', async () =>
        harness.jobs.length > before + 2 ? true : undefined,
      );
      for (const { channel, session, n } of harness.jobs) {
        const record = await harness.store.get(`raw/${channel}/${session}/${n}.json`);
        const chunk = await harness.store.get(`raw/${channel}/${session}/${n}.mp4`);
        expect(JSON.parse(record?.toString() ?? '{}')).toMatchObject({ bytes: chunk?.length });
      }
    } finally {
      publication.publisher.drop();
      await harness.close();
    }
  }, 60_000);
});
