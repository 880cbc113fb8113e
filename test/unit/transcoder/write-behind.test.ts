import { expect, test } from '@jest/globals';
import { createLogger } from '../../../common/logger.ts';
import { openWriteBehind, type Delivery } from '../../../transcoder/write-behind.ts';

const MEBIBYTE = 1024 * 1024;
const logger = createLogger('test', 'silent');

function delivery(n: number, data: Buffer): Delivery {
  const segment = {
    rendition: 'v720',
    init: Buffer.from('init'),
    data,
    frames: 60,
    first: 0,
    end: 1,
  };
  return {
    result: {
      ...{ channel: 'final', broadcast: 1, n, taskHash: 't', fingerprint: 'f', worker: 'w' },
      made: [],
    },
    made: { segments: [segment], preview: undefined },
  };
}

test('a store that is away holds nobody up: the oldest are given up, the newest arrive once it is back', async () => {
  let isAway = true;
  const stored: number[] = [];
  const behind = openWriteBehind(
    { put: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve('stored')) },
    logger,
    (result) => {
      stored.push(result.n);
      return Promise.resolve();
    },
  );
  // Ten times what may wait: 120 segments of 8 MiB that share their bytes.
  const data = Buffer.alloc(8 * MEBIBYTE);
  for (let n = 1; n <= 120; n += 1) {
    behind.add(delivery(n, data));
  }
  isAway = false;
  await behind.close();
  expect(stored.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => 109 + i));
});
