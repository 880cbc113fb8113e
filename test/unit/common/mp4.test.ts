import { describe, expect, test } from '@jest/globals';
import { findBox, readFragment, shiftDecodeTimes, splitInit } from '#common/mp4/read';
import {
  avcDecoderConfiguration,
  initSegment,
  mediaFragment,
  type Sample,
} from '#common/mp4/write';

const avcC = avcDecoderConfiguration(
  Buffer.from([0x67, 0x64, 0x00, 0x1f, 0xac]),
  Buffer.from([0x68, 0xee]),
);
const init = initSegment([
  { kind: 'video', id: 1, timescale: 90_000, width: 1280, height: 720, avcC },
  {
    kind: 'audio',
    id: 2,
    timescale: 48_000,
    rate: 48_000,
    channels: 2,
    config: Buffer.from([0x11, 0x90]),
  },
]);
const sample = (text: string, compositionOffset = 0): Sample => ({
  duration: 3000,
  isSync: text === 'key',
  compositionOffset,
  data: Buffer.from(text),
});

describe('mp4 boxes', () => {
  test('what is written is read back, with 64-bit times and negative composition offsets', () => {
    const decodeTime = 897_500_123 * 60 * 3000;
    const { bytes, offsets } = mediaFragment(7, [
      { trackId: 1, decodeTime, samples: [sample('key', 3000), sample('b', -3000)] },
    ]);
    const info = readFragment(bytes);
    expect(info).toMatchObject({ decodeTime, sampleCount: 2, duration: 6000, fragments: 1 });
    expect(info.sizes).toEqual([3, 1]);
    expect(info.compositionOffsets).toEqual([3000, -3000]);
    expect(bytes.toString('latin1', offsets[0]?.[1], (offsets[0]?.[1] ?? 0) + 1)).toBe('b');
  });

  test('init and media come apart where moov ends', () => {
    const { bytes } = mediaFragment(1, [{ trackId: 1, decodeTime: 0, samples: [sample('key')] }]);
    const parts = splitInit(Buffer.concat([init, bytes]));
    expect(parts.init.equals(init)).toBe(true);
    expect(parts.media.equals(bytes)).toBe(true);
    expect(findBox(init, ['moov', 'mvex', 'trex'])).toBeDefined();
  });

  test('decode times move by whole ticks in every fragment', () => {
    const fragment = (decodeTime: number): Buffer =>
      mediaFragment(1, [{ trackId: 1, decodeTime, samples: [sample('key')] }]).bytes;
    const data = Buffer.concat([fragment(0), fragment(3000)]);
    shiftDecodeTimes(data, 161_550_022_140_000);
    expect(readFragment(data)).toMatchObject({ decodeTime: 161_550_022_140_000, fragments: 2 });
  });

  test('fragments that do not adjoin are refused', () => {
    const fragment = (decodeTime: number): Buffer =>
      mediaFragment(1, [{ trackId: 1, decodeTime, samples: [sample('key')] }]).bytes;
    expect(() => readFragment(Buffer.concat([fragment(0), fragment(3001)]))).toThrow(
      /expected 3000/,
    );
  });

  test('every truncation is refused as bad media and never as another error', () => {
    const { bytes } = mediaFragment(1, [{ trackId: 1, decodeTime: 0, samples: [sample('key')] }]);
    for (let length = 0; length < bytes.byteLength; length += 1) {
      expect(() => readFragment(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'BAD_MEDIA' }),
      );
    }
  });
});
