import { describe, expect, test } from '@jest/globals';
import { CachedObject, MAX_OBJECT_BYTES } from '../../../edge/cached-object.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('CachedObject', () => {
  test('can be read while it grows, and slices given out keep their bytes', () => {
    const object = new CachedObject({ length: undefined, etag: undefined });
    const seen: number[] = [];
    object.onChange(() => {
      seen.push(object.received);
    });
    object.append(bytes('first'));
    const slice = object.slice(0, 5);
    object.append(new Uint8Array(100_000).fill(120));
    object.complete();
    expect(slice.toString()).toBe('first');
    expect(object.slice(0, 6).toString()).toBe('firstx');
    expect(seen).toEqual([5, 100_005, 100_005]);
    expect(object.length).toBe(100_005);
    expect(object.allocated).toBe(100_005);
  });

  test('a part never passes for the whole', () => {
    const object = new CachedObject({ length: 10, etag: undefined });
    object.append(bytes('short'));
    expect(() => {
      object.complete();
    }).toThrow('5 of 10 bytes');
    expect(object.state).toBe('filling');
  });

  test('refuses more than was declared', () => {
    const object = new CachedObject({ length: 3, etag: undefined });
    expect(() => {
      object.append(bytes('four'));
    }).toThrow('more than 3 bytes');
  });

  test('refuses what is too large, declared or not', () => {
    expect(() => new CachedObject({ length: MAX_OBJECT_BYTES + 1, etag: undefined })).toThrow();
    const object = new CachedObject({ length: undefined, etag: undefined });
    const mebibyte = new Uint8Array(1024 * 1024);
    const overfill = (): void => {
      for (let i = 0; i < 33; i += 1) {
        object.append(mebibyte);
      }
    };
    expect(overfill).toThrow('more than');
  });

  test('is framed once for all who ask for the same bytes: behind a head, as a chunk, as both', () => {
    const object = new CachedObject({ length: undefined, etag: undefined });
    const head = Buffer.from('HEAD ');
    object.append(bytes('0123456789abcdefghij'));
    const text = (buffers: readonly Buffer[]): string => Buffer.concat(buffers).toString();
    expect(text(object.wire(2, 5, false))).toBe('234');
    expect(text(object.wire(2, 5, false, head))).toBe('HEAD 234');
    expect(text(object.wire(2, 18, true))).toBe('10\r\n23456789abcdefgh\r\n');
    expect(text(object.wire(2, 5, true, head))).toBe('HEAD 3\r\n234\r\n');
    expect(object.wire(2, 5, true, head)).toBe(object.wire(2, 5, true, head));
    expect(object.wire(0, 5, true, head)).toHaveLength(1);
    // Large ones are not copied: the bytes are the object's own.
    object.append(new Uint8Array(300_000));
    const [, size, body] = object.wire(0, object.received, true, head);
    expect(size?.toString()).toBe(`${object.received.toString(16)}\r\n`);
    expect(body?.buffer).toBe(object.slice(0, 1).buffer);
  });
});
