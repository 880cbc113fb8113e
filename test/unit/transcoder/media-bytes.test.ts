import { describe, expect, test } from '@jest/globals';
import { adtsFrames } from '#common/codec/aac/adts';
import { isDisposable, nalUnits } from '#common/codec/h264/nal-units';
import { parameterSets } from '../../../transcoder/picture-input.ts';
import { readSourcePicture } from '../../../transcoder/source-picture.ts';

const adts = (payload: readonly number[]): Buffer => {
  const size = 7 + payload.length;
  return Buffer.from([
    ...[0xff, 0xf1, 0x4c, 0x80 | (size >> 11), (size >> 3) & 255, ((size & 7) << 5) | 31, 0xfc],
    ...payload,
  ]);
};

describe('ADTS', () => {
  test('gives its frames without their headers', () => {
    const stream = Buffer.concat([adts([1, 2, 3]), adts([4])]);
    expect(adtsFrames(stream).map((frame) => [...frame])).toEqual([[1, 2, 3], [4]]);
    expect(adtsFrames(Buffer.alloc(0))).toEqual([]);
  });

  test('that is cut short or is something else is an error with its offset', () => {
    const stream = Buffer.concat([adts([1, 2, 3]), adts([4])]);
    expect(() => adtsFrames(stream.subarray(0, -1))).toThrow('offset 10');
    expect(() => adtsFrames(Buffer.from('not ADTS at all'))).toThrow('offset 0');
  });
});

describe('NAL units', () => {
  test('are views between their lengths', () => {
    const sample = Uint8Array.of(0, 0, 0, 2, 0x67, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x68);
    expect([...nalUnits(sample)].map((unit) => [...unit])).toEqual([[0x67, 1], [0x68]]);
    expect(parameterSets(sample).pps).toEqual(Uint8Array.of(0x68));
    expect(() => [...nalUnits(sample.subarray(0, -1))]).toThrow('NAL unit of 1 bytes at 14 of 14');
  });

  test('of a picture tell whether others may refer to it', () => {
    expect(isDisposable(Uint8Array.of(0, 0, 0, 1, 0x01))).toBe(true);
    expect(isDisposable(Uint8Array.of(0, 0, 0, 1, 0x41))).toBe(false);
    expect(isDisposable(Uint8Array.of(0, 0, 0, 1, 0x06))).toBe(false);
  });
});

describe('an SPS', () => {
  // From x264: 1280x720 in pixels of 3:4, BT.709; cropped 1440x1080 anamorphic, full range, SMPTE 170M.
  const hd = '6764001facd9405005bbff000300046a02020280000003008000001e078c18cb';
  const anamorphic = '67640028acd9405a0227e5c39b81010320000003002000000781e30632c0';

  test('tells size, shape and colour', () => {
    expect(readSourcePicture(Buffer.from(hd, 'hex'))).toEqual({
      width: 1280,
      height: 720,
      sar: { x: 3, y: 4 },
      mayHaveFields: false,
      isPlain: true,
      isFullRange: false,
      matrix: 1,
    });
    expect(readSourcePicture(Buffer.from(anamorphic, 'hex'))).toEqual({
      width: 1440,
      height: 1080,
      sar: { x: 4, y: 3 },
      mayHaveFields: false,
      isPlain: true,
      isFullRange: true,
      matrix: 6,
    });
  });

  test('that is cut short is an error', () => {
    expect(() => readSourcePicture(Buffer.from(hd.slice(0, 12), 'hex'))).toThrow('bits end');
  });
});
