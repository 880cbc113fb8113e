import { describe, expect, jest, test } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createClock } from '#common/clock';
import { createLogger } from '#common/logger';
import { connectRedis } from '#common/redis';
import { frameIndex, segmentNumber } from '#common/time';
import { HotWriter } from '../../../ingest/feed/hot-writer.ts';

const MIB = 1 << 20;

/**
 * Bytes of buffers that are still referred to. V8 frees what a collection found dead on another thread, and waits for
 * that only when the next collection begins.
 */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') {
    collect();
    collect();
  }
  return process.memoryUsage().arrayBuffers;
}

describe('frames on their way to a Redis that does not answer', () => {
  test('let go of their bytes beyond the limit, ten times over', () => {
    const logger = createLogger('test', 'silent');
    // Port 9 of this machine: nothing listens.
    const redis = connectRedis('redis://127.0.0.1:9', 'test', logger);
    const writer = new HotWriter(
      {
        redis,
        hotRedis: redis,
        clock: createClock(),
        logger,
        giveUp: new AbortController().signal,
        isGathering: true,
      },
      'c',
      's',
    );
    // What is sent is sent later: with timers that stand still, never.
    jest.useFakeTimers();
    const before = heldBytes();
    try {
      for (let seq = 0; seq < 240; seq += 1) {
        const data = Buffer.alloc(MIB);
        const frame = {
          kind: 'video',
          seq,
          index: frameIndex(seq),
          dts: seq,
          flags: 0,
          data,
        } as const;
        writer.frames([{ frame, chunk: segmentNumber(0) }]);
      }
      expect((heldBytes() - before) / MIB).toBeLessThan(40);
    } finally {
      jest.useRealTimers();
      redis.disconnect();
    }
  });
});
