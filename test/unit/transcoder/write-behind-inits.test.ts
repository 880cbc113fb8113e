import { expect, test } from '@jest/globals';
import { createLogger } from '#common/logger';
import type { Result } from '#common/contracts/segment';
import { segmentNumber } from '#common/time';
import { openWriteBehind } from '../../../transcoder/write-behind.ts';

const logger = createLogger('test', 'silent');
const init = Buffer.from('init');

const delivery = (channel: string, n: number) => ({
  result: {
    channel,
    broadcast: segmentNumber(1),
    n: segmentNumber(n),
    taskHash: '',
    fingerprint: '',
    worker: 'w',
    made: [],
  } satisfies Result,
  made: {
    segments: [
      { rendition: 'v180', init, data: Buffer.from('data'), frames: 60, first: 0, end: 1 },
    ],
    preview: undefined,
  },
});

test('an init segment is put once a channel, and of ten thousand channels the first are forgotten', async () => {
  const inits: string[] = [];
  const behind = openWriteBehind(
    {
      put: (key) => {
        if (key.includes('/init-')) {
          inits.push(key);
        }
        return Promise.resolve('stored');
      },
    },
    logger,
    () => Promise.resolve(),
  );
  const deliver = async (...channels: readonly string[]): Promise<void> => {
    for (const channel of channels) {
      behind.add(delivery(channel, 1));
      // What was added is put before the next comes.
      await new Promise(setImmediate);
    }
  };
  await deliver('first', 'first', 'first');
  expect(inits).toHaveLength(1);
  await deliver(...Array.from({ length: 10_000 }, (_, i) => `c${i}`));
  await deliver('first');
  await behind.close();
  expect(inits).toHaveLength(10_002);
});
