import { expect, test } from '@jest/globals';
import { initHash } from '#common/contracts/delivery';
import { storeKeys } from '#common/contracts/names';
import type { Result } from '#common/contracts/segment';
import type { Redis } from '#common/redis';
import { segmentNumber } from '#common/time';
import { readSegment } from '../../../aggregator/segment-bytes.ts';

const N = segmentNumber(897_500_000);
const SHA = 'ab'.repeat(32);

const result: Result = {
  channel: 'final',
  broadcast: N,
  n: N,
  taskHash: SHA,
  fingerprint: SHA,
  worker: 'w-1',
  made: [
    {
      rendition: 'v720',
      bytes: 4,
      sha256: SHA,
      frames: 60,
      first: 0,
      end: 1,
      initSha256: SHA,
      hotId: '',
    },
  ],
};

/** A Redis that nobody may ask. */
const hotRedis = new Proxy({} as Redis, {
  get: () => {
    throw new Error('there is no such entry to ask for');
  },
});

test('what was made on time, and is nowhere in the stream of whole segments, is read from the store', async () => {
  const objects = new Map([
    [storeKeys.segment('final', 'v720', N), Buffer.from('data')],
    [storeKeys.init('final', 'v720', initHash(SHA)), Buffer.from('init')],
  ]);
  const store = { get: (key: string) => Promise.resolve(objects.get(key)) };
  const read = await readSegment({ hotRedis, store }, result);
  expect(read.get('v720')).toEqual({ init: Buffer.from('init'), data: Buffer.from('data') });
});

test('and in neither place it is missing, which the next to make it mends', async () => {
  const store = { get: () => Promise.resolve(undefined) };
  await expect(readSegment({ hotRedis, store }, result)).rejects.toMatchObject({
    code: 'INPUT_MISSING',
  });
});
