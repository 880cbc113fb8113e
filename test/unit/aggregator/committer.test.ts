import { describe, expect, test } from '@jest/globals';
import { setImmediate as tick } from 'node:timers/promises';
import { Committer } from '../../../aggregator/committer.ts';
import { SegmentMemory } from '../../../aggregator/memory.ts';
import { publishedOf } from '../../../aggregator/verify.ts';
import { storeKeys } from '#common/contracts/names';
import { PipelineError } from '#common/errors';
import { createLogger } from '#common/logger';
import { milliseconds, segmentNumber } from '#common/time';
import { seeded } from '../../helpers/seeded.ts';
import { broadcastOf, objectsOf, resultOf } from './segments-made.ts';

const broadcast = broadcastOf();
const first = broadcast.broadcast;

/** A committer over a store in memory and a clock that moves only when told. */
function setUp(maxBytes = 64 * 1024 ** 2) {
  const objects = new Map<string, Buffer>();
  let isAway = false;
  let chance = (): boolean => false;
  const puts: string[] = [];
  const assertThere = (): void => {
    if (isAway || chance()) {
      throw new PipelineError('STORE_FAILED', 'away');
    }
  };
  let sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  let now = 0;
  const memory = new SegmentMemory(maxBytes);
  const committed: number[] = [];
  const lost: number[] = [];
  const committer = new Committer(
    {
      store: {
        put: (key, body) => {
          puts.push(key);
          assertThere();
          objects.set(key, Buffer.from(body));
          return Promise.resolve('stored');
        },
        get: (key) => {
          assertThere();
          return Promise.resolve(objects.get(key));
        },
      },
      clock: {
        now: () => milliseconds(now),
        rate: 1,
        sleep: (duration, signal) =>
          new Promise((resolve, reject) => {
            sleepers.push({ at: now + duration, wake: resolve });
            signal?.addEventListener('abort', () => {
              reject(new PipelineError('ABORTED', 'aborted'));
            });
            if (signal?.aborted === true) {
              reject(new PipelineError('ABORTED', 'aborted'));
            }
          }),
      },
      logger: createLogger('test', 'silent'),
      memory,
    },
    {
      onCommitted: (_channel, { n }) => committed.push(n),
      onLost: (_channel, { n }) => lost.push(n),
    },
  );
  return {
    committer,
    memory,
    objects,
    committed,
    lost,
    puts,
    setChance: (fails: () => boolean) => {
      chance = fails;
    },
    setAway: (value: boolean) => {
      isAway = value;
    },
    settle: async () => {
      for (let i = 0; i < 50; i += 1) {
        await tick();
      }
    },
    advance: (duration: number): void => {
      now += duration;
      const due = sleepers.filter(({ at }) => at <= now);
      sleepers = sleepers.filter(({ at }) => at > now);
      for (const { wake } of due) {
        wake();
      }
    },
    publish: (n: number, sampleBytes = 200): void => {
      const made = objectsOf(broadcast, n, { v720: { sampleBytes } });
      const published = publishedOf(resultOf(broadcast, n, made), milliseconds(now));
      memory.pin(broadcast.channel, n, made);
      committer.add(broadcast.channel, published);
    },
  };
}

const commitKey = (n: number): string =>
  storeKeys.commit(broadcast.channel, first, segmentNumber(n));

describe('the committer', () => {
  test('writes the record when the worker says it has stored, and puts nothing itself', async () => {
    const { committer, publish, settle, objects, committed } = setUp();
    publish(first);
    committer.stored(resultOf(broadcast, first, objectsOf(broadcast, first)));
    await settle();
    expect(committed).toEqual([first]);
    expect([...objects.keys()]).toEqual([commitKey(first)]);
  });

  test('remembers a worker that was quicker than the publication', async () => {
    const { committer, publish, settle, committed } = setUp();
    committer.stored(resultOf(broadcast, first, objectsOf(broadcast, first)));
    publish(first);
    await settle();
    expect(committed).toEqual([first]);
  });

  test('does not believe a worker that stored other bytes', async () => {
    const { committer, publish, settle, committed, advance, objects } = setUp();
    publish(first);
    const other = objectsOf(broadcast, first, { v360: { salt: 3 } });
    committer.stored(resultOf(broadcast, first, other));
    await settle();
    expect(committed).toEqual([]);
    advance(10_000);
    await settle();
    expect(committed).toEqual([first]);
    const key = storeKeys.segment(broadcast.channel, 'v360', first);
    expect(
      objects.get(key)?.equals(objectsOf(broadcast, first).get('v360')?.data ?? Buffer.alloc(0)),
    ).toBe(true);
  });

  test('keeps what it published through a store that is away, and commits it all afterwards', async () => {
    const { publish, settle, committed, lost, advance, setAway, memory } = setUp();
    setAway(true);
    for (let n: number = first; n < first + 30; n += 1) {
      publish(n);
    }
    for (let second = 0; second < 60; second += 1) {
      advance(1_000);
      await settle();
    }
    expect(committed).toEqual([]);
    setAway(false);
    for (let second = 0; second < 30; second += 1) {
      advance(1_000);
      await settle();
    }
    expect(committed.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 30 }, (_, i) => first + i),
    );
    expect(lost).toEqual([]);
    expect(memory.isSpoolOver).toBe(false);
  });

  test('puts again only what failed, so that a store that fails now and then gets it in the end', async () => {
    const { publish, settle, committed, advance, setChance, puts } = setUp();
    const random = seeded(7);
    setChance(() => random() < 0.5);
    publish(first);
    for (let second = 0; second < 120; second += 1) {
      advance(1_000);
      await settle();
    }
    expect(committed).toEqual([first]);
    const last = new Map(puts.map((key, index) => [key, index]));
    const whole = new Set(puts);
    // Half of the tries fail: a handful for each object, where starting over would take hundreds.
    expect(puts.length).toBeLessThan(6 * whole.size);
    expect(last.get(commitKey(first))).toBe(puts.length - 1);
  });

  test('holds no more bytes than its bound, overfilled tenfold, and says which it let go', async () => {
    const maxBytes = 4 * 1024 ** 2;
    const { publish, settle, lost, setAway, memory } = setUp(maxBytes);
    setAway(true);
    // Some 330 kB each: forty megabytes.
    for (let n: number = first; n < first + 120; n += 1) {
      publish(n, 5_000);
      expect(memory.bytes).toBeLessThanOrEqual(maxBytes);
    }
    await settle();
    expect(lost.length).toBeGreaterThan(100);
    expect(lost).toEqual(lost.map((_, i) => first + i));
    expect(memory.get(broadcast.channel, first)).toBeUndefined();
    expect(memory.get(broadcast.channel, first + 119)).toBeDefined();
  });
});
