import { describe, expect, test } from '@jest/globals';
import { acceptAacConfig } from '../../../ingest/media/aac-policy.ts';
import { parseAudioTag, parseVideoTag, TimestampClock } from '../../../ingest/media/flv-tag.ts';
import { parseMetadata } from '../../../ingest/media/script-data.ts';
import { encodeAmf } from '../../helpers/amf0.ts';
import { seeded } from '../../helpers/seeded.ts';

const UNSUPPORTED: unknown = expect.objectContaining({ code: 'UNSUPPORTED_MEDIA' });

describe('a video tag', () => {
  test('has a signed composition time', () => {
    const tag = (time: number[]): number | undefined => {
      const parsed = parseVideoTag(Uint8Array.of(0x27, 1, ...time, 9));
      return parsed.kind === 'picture' ? parsed.compositionTime : undefined;
    };
    expect(tag([0, 0, 66])).toBe(66);
    expect(tag([255, 255, 223])).toBe(-33);
    expect(tag([128, 0, 0])).toBe(-8_388_608);
  });

  test('of another codec is refused, and what is too short is nothing', () => {
    expect(() => parseVideoTag(Uint8Array.of(0x90, 0x68, 0x76, 0x63, 0x31))).toThrow(UNSUPPORTED);
    expect(() => parseVideoTag(Uint8Array.of(0x22, 0, 0, 0, 0))).toThrow(UNSUPPORTED);
    expect(parseVideoTag(Uint8Array.of())).toEqual({ kind: 'none' });
    expect(parseVideoTag(Uint8Array.of(0x17, 1))).toEqual({ kind: 'none' });
    expect(parseVideoTag(Uint8Array.of(0x17, 2, 0, 0, 0))).toEqual({ kind: 'none' });
  });
});

describe('an audio tag', () => {
  test('is AAC or refused', () => {
    expect(parseAudioTag(Uint8Array.of(0xaf, 0, 0x12, 0x10))).toMatchObject({ kind: 'config' });
    expect(parseAudioTag(Uint8Array.of(0xaf, 1, 1))).toMatchObject({ kind: 'frame' });
    expect(() => parseAudioTag(Uint8Array.of(0x2f, 1, 1))).toThrow(UNSUPPORTED);
    expect(() => parseAudioTag(Uint8Array.of(0x9f, 1, 1))).toThrow(UNSUPPORTED);
  });

  test('has a configuration of AAC-LC', () => {
    expect(acceptAacConfig(Uint8Array.of(0x12, 0x10))).toMatchObject({ rate: 44_100, channels: 2 });
    expect(acceptAacConfig(Uint8Array.of(0x11, 0x88))).toMatchObject({ rate: 48_000, channels: 1 });
    expect(() => acceptAacConfig(Uint8Array.of(0x2b, 0x09, 0x88, 0))).toThrow(UNSUPPORTED);
    expect(() => acceptAacConfig(Uint8Array.of(0x12))).toThrow(
      expect.objectContaining({ code: 'BAD_MEDIA' }),
    );
  });
});

describe('timestamps', () => {
  test('run on over 2^32 and may step back a little there', () => {
    const clock = new TimestampClock();
    const given = [2 ** 32 - 40, 2 ** 32 - 7, 26, 2 ** 32 - 1, 60, 2 ** 31, 2 ** 32 - 1, 40];
    const base = 2 ** 32;
    expect(given.map((timestamp) => clock.unwrap(timestamp))).toEqual([
      base - 40,
      base - 7,
      base + 26,
      base - 1,
      base + 60,
      base + 2 ** 31,
      2 * base - 1,
      2 * base + 40,
    ]);
  });
});

describe('metadata', () => {
  const values = {
    framerate: 29.97,
    encoder: 'obs',
    stereo: true,
    nested: { deep: 1 },
    none: null,
  };

  test('is read with or without @setDataFrame', () => {
    const expected = new Map<string, unknown>([
      ['framerate', 29.97],
      ['encoder', 'obs'],
      ['stereo', true],
    ]);
    expect(parseMetadata(encodeAmf('@setDataFrame', 'onMetaData', values))).toEqual(expected);
    expect(parseMetadata(encodeAmf('onMetaData', values))).toEqual(expected);
    expect(parseMetadata(encodeAmf('onTextData', values))).toBeUndefined();
  });

  test('that is damaged or nested without end is left alone', () => {
    const random = seeded(3);
    for (let round = 0; round < 3000; round += 1) {
      const data = encodeAmf('onMetaData', values);
      data[Math.floor(random() * data.length)] = Math.floor(random() * 256);
      expect(() => parseMetadata(data)).not.toThrow();
    }
    const nested = Buffer.alloc(60_000, Buffer.of(10, 255, 255, 255, 255));
    const name = encodeAmf('onMetaData');
    expect(parseMetadata(Buffer.concat([name, nested]))).toBeUndefined();
  });
});
