import { describe, expect, test } from '@jest/globals';
import {
  compositionTime,
  FLV_TAG,
  interleave,
  isEndOfSequence,
  isPicture,
  isSequenceHeader,
  readFlv,
  retimePictures,
  writeFlv,
  type FlvTag,
} from '../../helpers/flv.ts';

const picture = (timestamp: number, offset: number): FlvTag => {
  const data = Buffer.from([0x27, 1, 0, 0, 0, 9]);
  data.writeIntBE(offset, 2, 3);
  return { type: FLV_TAG.video, timestamp, data };
};
const header: FlvTag = { type: FLV_TAG.video, timestamp: 0, data: Buffer.from([0x17, 0, 0, 0, 0]) };

describe('FLV', () => {
  test('tags come back as written, timestamps beyond 24 bits too', () => {
    const tags = [header, picture(5, -3), picture(0xfffffff0, 40)];
    expect(readFlv(writeFlv(tags))).toEqual(tags);
  });

  test('a file cut short is refused with the offset', () => {
    const file = writeFlv([picture(5, 0)]);
    expect(() => readFlv(file.subarray(0, -8))).toThrow('cut short at 13');
  });

  test('headers, pictures and ends are told apart', () => {
    const end = { ...header, data: Buffer.from([0x17, 2, 0, 0, 0]) };
    expect([header, picture(0, 0), end].map(isSequenceHeader)).toEqual([true, false, false]);
    expect([header, picture(0, 0), end].map(isPicture)).toEqual([false, true, false]);
    expect([header, picture(0, 0), end].map(isEndOfSequence)).toEqual([false, false, true]);
  });

  test('pictures get new times and keep their order of decoding', () => {
    // I P B P B in decode order, one frame of reordering.
    const tags = [header, picture(0, 40), picture(40, 80), picture(80, 0), picture(120, 80)];
    const retimed = retimePictures(tags, [200, 250, 270, 350]);
    const shown = retimed.filter(isPicture).map((tag) => tag.timestamp + compositionTime(tag));
    expect(shown).toEqual([200, 270, 250, 350]);
    const decoded = retimed.filter(isPicture).map((tag) => tag.timestamp);
    expect(decoded).toEqual([150, 200, 250, 270]);
    expect(retimed[0]?.timestamp).toBe(150);
    expect(decoded.every((dts, i) => dts <= (shown[i] ?? 0))).toBe(true);
  });

  test('streams are joined in order of time', () => {
    const sound = { type: FLV_TAG.audio, timestamp: 40, data: Buffer.from([0xaf, 1, 7]) };
    const joined = interleave([header, picture(40, 0), picture(80, 0)], [sound]);
    expect(joined.map((tag) => [tag.type, tag.timestamp])).toEqual([
      [9, 0],
      [9, 40],
      [8, 40],
      [9, 80],
    ]);
  });
});
