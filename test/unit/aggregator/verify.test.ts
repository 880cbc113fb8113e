import { describe, expect, test } from '@jest/globals';
import { differencesFrom, publishedOf, verifyResult } from '../../../aggregator/verify.ts';
import { FPS_NAMES } from '#common/grid';
import { milliseconds } from '#common/time';
import { broadcastOf, objectsOf, resultOf, type Flaws } from './segments-made.ts';

const n = 897_000_007;

function check(flaws: Readonly<Record<string, Flaws>>): void {
  const broadcast = broadcastOf();
  const objects = objectsOf(broadcast, n, flaws);
  verifyResult(broadcast, resultOf(broadcast, n, objects), objects, new Map());
}

describe('a result', () => {
  test.each(FPS_NAMES)('that is exactly its place at %s passes, whatever its number', (fps) => {
    const broadcast = broadcastOf({ fps });
    for (let number = n; number < n + 12; number += 1) {
      const objects = objectsOf(broadcast, number);
      const result = resultOf(broadcast, number, objects);
      expect(() => verifyResult(broadcast, result, objects, new Map())).not.toThrow();
    }
  });

  test.each<[string, Readonly<Record<string, Flaws>>]>([
    ['begins a tick late', { v720: { shift: 1 } }],
    ['begins a tick early', { v360: { shift: -1 } }],
    ['has a frame too few', { v720: { samples: -1 } }],
    ['has a frame too many', { v720: { samples: 1 } }],
    ['has a frame of another length', { v720: { duration: 1 } }],
    ['has sound a sample late', { a128: { shift: 1 } }],
    ['has a sound frame too few', { a128: { samples: -1 } }],
    ['has a sound frame of another length', { a128: { duration: -1 } }],
  ])('that %s is refused', (_what, flaws) => {
    expect(() => {
      check(flaws);
    }).toThrow(expect.objectContaining({ code: 'BAD_MEDIA' }));
  });

  test('whose bytes are not the ones it names is refused, also when only one bit differs', () => {
    const broadcast = broadcastOf();
    const objects = objectsOf(broadcast, n);
    const result = resultOf(broadcast, n, objects);
    const data = Buffer.from(objects.get('v720')?.data ?? []);
    data[data.byteLength - 1] = (data.at(-1) ?? 0) ^ 1;
    const changed = new Map(objects).set('v720', {
      init: objects.get('v720')?.init ?? Buffer.alloc(0),
      data,
    });
    expect(() => verifyResult(broadcast, result, changed, new Map())).toThrow('bytes differ');
  });

  test('cut short anywhere is refused', () => {
    const broadcast = broadcastOf();
    const objects = objectsOf(broadcast, n);
    const whole = objects.get('v720') ?? { init: Buffer.alloc(0), data: Buffer.alloc(0) };
    for (let cut = 1; cut < whole.data.byteLength; cut += 997) {
      const cutObjects = new Map(objects).set('v720', {
        ...whole,
        data: whole.data.subarray(0, -cut),
      });
      // The worker hashed the partial file: only what is inside can tell.
      const result = resultOf(broadcast, n, cutObjects);
      expect(() => verifyResult(broadcast, result, cutObjects, new Map())).toThrow(
        expect.objectContaining({ code: 'BAD_MEDIA' }),
      );
    }
  });

  test('with another init segment than the broadcast has is refused', () => {
    const broadcast = broadcastOf();
    const objects = objectsOf(broadcast, n);
    const result = resultOf(broadcast, n, objects);
    const known = new Map([['v360', 'f'.repeat(64)]]);
    expect(() => verifyResult(broadcast, result, objects, known)).toThrow('init segment differs');
  });

  test('without one of the renditions, or with one twice, is refused', () => {
    const broadcast = broadcastOf();
    const objects = objectsOf(broadcast, n);
    const result = resultOf(broadcast, n, objects);
    const fewer = { ...result, made: result.made.slice(1) };
    const twice = { ...result, made: [...result.made.slice(1), ...result.made.slice(1, 2)] };
    expect(() => verifyResult(broadcast, fewer, objects, new Map())).toThrow('each rendition');
    expect(() => verifyResult(broadcast, twice, objects, new Map())).toThrow('each rendition');
  });

  test('made again is the same when its bytes are, whoever made it, and differs by rendition', () => {
    const broadcast = broadcastOf();
    const objects = objectsOf(broadcast, n);
    const published = publishedOf(resultOf(broadcast, n, objects), milliseconds(1));
    expect(differencesFrom(published, resultOf(broadcast, n, objects, { worker: 'w2' }))).toEqual(
      [],
    );
    const other = objectsOf(broadcast, n, { v360: { salt: 9 } });
    expect(differencesFrom(published, resultOf(broadcast, n, other))).toEqual(['v360']);
  });
});
