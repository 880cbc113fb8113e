import { describe, expect, test } from '@jest/globals';
import type { Result } from '#common/contracts/segment';
import { PipelineError } from '#common/errors';
import { createLogger } from '#common/logger';
import type { ObjectStore } from '#common/store/store';
import { segmentNumber } from '#common/time';
import { openWriteBehind, type Delivery } from '../../../transcoder/write-behind.ts';
import { eventually } from '../../helpers/poll.ts';
import { seeded } from '../../helpers/seeded.ts';

const MIB = 1024 ** 2;

function delivery(n: number, bytes: number): Delivery {
  const made = ['v360', 'v180', 'a96'].map((rendition) => ({
    rendition,
    init: Buffer.from(`init ${rendition}`),
    data: Buffer.alloc(bytes),
    frames: 60,
    first: 0,
    end: 0,
  }));
  const result: Result = {
    channel: 'main',
    broadcast: segmentNumber(1),
    n: segmentNumber(n),
    taskHash: '',
    fingerprint: '',
    worker: 'w',
    made: [],
  };
  return { result, made: { segments: made, preview: Buffer.from('jpeg') } };
}

function open(put: ObjectStore['put']) {
  const told: number[] = [];
  const behind = openWriteBehind({ put }, createLogger('test', 'silent'), async ({ n }) => {
    told.push(n);
  });
  return { behind, told };
}

describe('writing behind', () => {
  test('tries each object by itself until it is stored, then tells once', async () => {
    const random = seeded(3);
    const tries: string[] = [];
    const kept = new Set<string>();
    const { behind, told } = open(async (key) => {
      tries.push(key);
      if (random() < 0.4) {
        throw new PipelineError('STORE_FAILED', 'busy');
      }
      expect(kept.has(key)).toBe(false);
      kept.add(key);
      return 'stored';
    });
    behind.add(delivery(1, 10));
    await eventually('the word', () => Promise.resolve(told[0]));
    expect(told).toEqual([1]);
    expect(kept.size).toBe(7);
    expect(new Set(tries)).toEqual(kept);
    await behind.close();
  });

  test('puts an init segment once for all segments', async () => {
    const tries: string[] = [];
    const { behind, told } = open(async (key) => {
      tries.push(key);
      return 'stored';
    });
    for (const n of [1, 2, 3]) {
      behind.add(delivery(n, 10));
      await eventually('the word', () => Promise.resolve(told.includes(n) ? true : undefined));
    }
    expect(tries.filter((key) => key.includes('init'))).toHaveLength(3);
    await behind.close();
  });

  test('never waits for a store that hangs, and holds no more than its bound, filled ten times over', async () => {
    const waiting: (() => void)[] = [];
    let held = 0;
    const { behind, told } = open((_key, body) => {
      held += body.byteLength;
      return new Promise((resolve) =>
        waiting.push(() => {
          resolve('stored');
        }),
      );
    });
    // 3 MiB each; 96 MiB may wait.
    for (let n = 0; n < 320; n += 1) {
      behind.add(delivery(n, MIB));
    }
    expect(held).toBeGreaterThan(90 * MIB);
    expect(held).toBeLessThan(97 * MIB);
    for (const answer of waiting) {
      answer();
    }
    await behind.close();
    expect(told.length).toBe(32);
  });
});
