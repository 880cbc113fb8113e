import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { CachedObject } from '../../../edge/cached-object.ts';
import { follow, MAX_BEHIND_MS } from '../../../edge/follow.ts';

const PIECE = 40_000;

/** A viewer who takes what he is given only when told. */
function slowViewer(): { readonly viewer: Writable; readonly take: () => void; taken: number } {
  let goOn = (): void => undefined;
  const slow = {
    viewer: new Writable({
      write: (chunk: Buffer, _encoding, callback) => {
        goOn = () => {
          goOn = () => undefined;
          slow.taken += chunk.length;
          callback();
        };
      },
    }),
    take: () => {
      goOn();
    },
    taken: 0,
  };
  return slow;
}

/** A viewer and an object that grows in front of him, at the test's time. */
function begin(length: number | undefined) {
  const object = new CachedObject({ length, etag: undefined });
  const slow = slowViewer();
  const time = { now: 0 };
  const ends: string[] = [];
  const end = (what: string) => (): void => {
    ends.push(what);
  };
  follow(
    slow.viewer,
    {
      object,
      start: 0,
      end: length,
      isChunked: length === undefined,
      onWhole: end('whole'),
      onBroken: end('broken'),
    },
    () => time.now,
  );
  return { object, slow, time, ends };
}

describe('a viewer who is behind', () => {
  test('is given no more than he takes, and dropped when a growing object leaves him behind', () => {
    const { object, slow, time, ends } = begin(undefined);
    for (let count = 0; count < 100; count += 1) {
      object.append(new Uint8Array(PIECE));
    }
    expect(slow.viewer.writableLength).toBeLessThan(3 * PIECE);
    time.now = MAX_BEHIND_MS;
    object.append(new Uint8Array(PIECE));
    expect(ends).toEqual([]);
    time.now += 1;
    object.append(new Uint8Array(PIECE));
    expect(ends).toEqual(['broken']);
    object.append(new Uint8Array(PIECE));
    expect(ends).toEqual(['broken']);
  });

  test('is not dropped while he takes in time what has come', async () => {
    const { object, slow, time, ends } = begin(undefined);
    for (let count = 0; count < 50; count += 1) {
      object.append(new Uint8Array(PIECE));
      object.append(new Uint8Array(PIECE));
      time.now += MAX_BEHIND_MS / 4;
      for (let pieces = 0; pieces < 3; pieces += 1) {
        slow.take();
        await new Promise((resolve) => process.nextTick(resolve));
      }
    }
    expect(ends).toEqual([]);
  });

  test('may take his time for what has an end', () => {
    const { object, time, ends } = begin(100 * PIECE);
    for (let count = 0; count < 100; count += 1) {
      object.append(new Uint8Array(PIECE));
      time.now += MAX_BEHIND_MS;
    }
    expect(ends).toEqual([]);
  });
});

test('a stream that takes little at a time is given no piece larger, and a few at once', async () => {
  const object = new CachedObject({ length: undefined, etag: undefined });
  const pieces: number[] = [];
  let most = 0;
  const viewer = new Writable({
    write: (chunk: Buffer, _encoding, callback) => {
      pieces.push(chunk.length);
      most = Math.max(most, viewer.writableLength);
      process.nextTick(callback);
    },
  });
  object.append(new Uint8Array(100 * PIECE));
  const whole = new Promise<void>((resolve) => {
    follow(viewer, {
      object,
      start: 0,
      end: undefined,
      isChunked: false,
      pieceBytes: 1_000,
      onWhole: resolve,
      onBroken: () => undefined,
    });
  });
  object.append(new Uint8Array(PIECE));
  object.complete();
  await whole;
  viewer.end();
  await once(viewer, 'finish');
  expect(pieces.reduce((sum, bytes) => sum + bytes, 0)).toBe(101 * PIECE);
  expect(Math.max(...pieces)).toBe(1_000);
  expect(most).toBeLessThan(2 * PIECE);
});
