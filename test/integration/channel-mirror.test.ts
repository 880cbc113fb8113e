/** Who writes the mirror of the channels' records, and when not. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimMirror, fillMirror, mirrorRecord, writeMirror } from '#common/channel-mirror';
import { channelSchema, type Channel } from '#common/contracts/channel';
import { redisKeys, storeKeys } from '#common/contracts/names';
import { createLogger } from '#common/logger';
import { connectRedis, type Redis } from '#common/redis';
import { openFolderStore } from '#common/store/folder';
import type { ObjectStore } from '#common/store/store';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { testChannel } from './ingest-harness.ts';

const logger = createLogger('test', 'silent');

let server: TestRedis;
let redis: Redis;
let folder: string;
let store: ObjectStore;
let channels = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, 'test', logger);
  folder = await mkdtemp(join(tmpdir(), 'touchline-mirror-'));
  store = openFolderStore(folder);
});

afterAll(async () => {
  redis.disconnect();
  await server.close();
  await rm(folder, { recursive: true });
});

const newChannel = (): Channel => testChannel(`mirror-${(channels += 1)}`);
const named = (channel: Channel, name: string): Channel => ({ ...channel, name });
const keep = (channel: Channel): Promise<unknown> =>
  store.put(storeKeys.channel(channel.id), Buffer.from(JSON.stringify(channel)));
const mirrored = async (id: string): Promise<Channel | undefined> => {
  const text = await redis.hget(redisKeys.channels, id);
  return text === null ? undefined : channelSchema.parse(JSON.parse(text));
};

describe('the mirror of a channel', () => {
  test('takes nothing from whoever was overtaken, whoever writes first', async () => {
    const channel = newChannel();
    const { id } = channel;
    const older = await claimMirror(redis, id);
    const newer = await claimMirror(redis, id);
    expect(await writeMirror(redis, id, older, named(channel, 'older'))).toBe(false);
    expect(await mirrored(id)).toBeUndefined();
    expect(await writeMirror(redis, id, newer, named(channel, 'newer'))).toBe(true);
    expect(await writeMirror(redis, id, older, undefined)).toBe(false);
    expect(await mirrored(id)).toMatchObject({ name: 'newer' });
  });

  test('is what the record is at last, when changes and readings meet in any order', async () => {
    const channel = newChannel();
    const { id } = channel;
    await keep(channel);
    const change = async (name: string): Promise<void> => {
      const claim = await claimMirror(redis, id);
      await keep(named(channel, name));
      if (!(await writeMirror(redis, id, claim, named(channel, name)))) {
        await mirrorRecord({ redis, store, logger }, id);
      }
    };
    for (let round = 0; round < 30; round += 1) {
      await Promise.all([
        mirrorRecord({ redis, store, logger }, id),
        change(`a${round}`),
        mirrorRecord({ redis, store, logger }, id),
        change(`b${round}`),
      ]);
      const record = await store.get(storeKeys.channel(id));
      expect(await mirrored(id)).toEqual(JSON.parse(record?.toString('utf8') ?? 'null'));
    }
  });

  test('is filled from memory with what it lacks, and neither with what is being changed nor what was deleted', async () => {
    const [lacking, present, changing, gone] = [
      newChannel(),
      newChannel(),
      newChannel(),
      newChannel(),
    ];
    await keep(present);
    await mirrorRecord({ redis, store, logger }, present.id);
    await claimMirror(redis, changing.id);
    // It has no record.
    await mirrorRecord({ redis, store, logger }, gone.id);
    await fillMirror(redis, [lacking, named(present, 'older'), changing, gone]);
    expect(await mirrored(lacking.id)).toEqual(lacking);
    expect(await mirrored(present.id)).toEqual(present);
    expect(await mirrored(changing.id)).toBeUndefined();
    expect(await mirrored(gone.id)).toBeUndefined();
  });

  test('keeps what it has where the record cannot be read', async () => {
    const channel = newChannel();
    await keep(channel);
    await mirrorRecord({ redis, store, logger }, channel.id);
    await store.put(storeKeys.channel(channel.id), Buffer.from('{'));
    expect(await mirrorRecord({ redis, store, logger }, channel.id)).toBe('unreadable');
    expect(await mirrored(channel.id)).toEqual(channel);
  });
});
