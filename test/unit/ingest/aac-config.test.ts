import { describe, expect, test } from '@jest/globals';
import { FeedSource } from '../../../ingest/feed/feed-source.ts';
import { acceptAacConfig } from '../../../ingest/media/aac-policy.ts';
import { BitWriter } from '../../helpers/bits.ts';

/** AudioSpecificConfig of type, frequency index (15: spelt out) and channels. */
const config = (type: number, index: number, channels: number, rate?: number): Buffer => {
  const bits = new BitWriter();
  if (type > 30) {
    bits.u(5, 31).u(6, type - 32);
  } else {
    bits.u(5, type);
  }
  bits.u(4, index);
  if (rate !== undefined) {
    bits.u(24, rate);
  }
  return bits.u(4, channels).u(3, 0).nal();
};

describe('an AudioSpecificConfig', () => {
  test.each([
    ['stereo', config(2, 3, 2), { rate: 48_000, channels: 2 }],
    ['5.1', config(2, 3, 6), { rate: 48_000, channels: 6 }],
    ['7.1', config(2, 4, 7), { rate: 44_100, channels: 8 }],
    ['the lowest rate', config(2, 12, 1), { rate: 7_350, channels: 1 }],
    ['a rate of the table spelt out', config(2, 15, 2, 44_100), { rate: 44_100 }],
  ])('of %s is taken', (_name, record, expected) => {
    expect(acceptAacConfig(record)).toMatchObject(expected);
  });

  test.each<[string, Buffer, RegExp]>([
    ['HE-AAC', config(5, 6, 2), /sound is HE-AAC; set the encoder to AAC-LC, 48000 Hz, stereo/],
    ['HE-AACv2', config(29, 6, 1), /sound is HE-AACv2;/],
    ['long-term prediction', config(4, 3, 2), /sound is AAC LTP;/],
    ['AAC Main', config(1, 3, 2), /sound is AAC Main;/],
    ['xHE-AAC', config(42, 3, 2), /sound is xHE-AAC;/],
    ['type 0', config(0, 3, 2), /of audio object type 0;/],
    ['no rate', config(2, 13, 2), /at an unknown number of Hz;/],
    ['1 Hz', config(2, 15, 2, 1), /at 1 Hz;/],
    ['16 MHz', config(2, 15, 2, 0xffffff), /at 16777215 Hz;/],
    ['0 Hz', config(2, 15, 2, 0), /at 0 Hz;/],
    ['a rate of its own', config(2, 15, 2, 47_999), /at 47999 Hz;/],
    ['channels of its own', config(2, 3, 0), /of a channel layout of its own;/],
    ['nine channels and more', config(2, 3, 8), /of a channel layout of its own;/],
    ['short frames', new BitWriter().u(5, 2).u(4, 3).u(4, 2).u(3, 4).nal(), /960 samples;/],
  ])('of %s is refused in words that help', (_name, record, message) => {
    expect(() => acceptAacConfig(record)).toThrow(message);
    expect(() => acceptAacConfig(record)).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_MEDIA' }),
    );
  });

  test.each<[string, Buffer]>([
    ['is empty', Buffer.alloc(0)],
    ['is cut short', Buffer.of(0x17, 0xff)],
    ['is ten times as long as any', Buffer.alloc(640, 0x11)],
  ])('that %s is bad media', (_name, record) => {
    expect(() => acceptAacConfig(record)).toThrow(expect.objectContaining({ code: 'BAD_MEDIA' }));
  });
});

describe('sound in a feed', () => {
  const frame = (payload: Buffer): Buffer => Buffer.concat([Buffer.of(0xaf, 1), payload]);
  const source = (): FeedSource => {
    const feed = new FeedSource();
    feed.take('audio', 0, Buffer.from([0xaf, 0, 0x11, 0x90]), 0);
    return feed;
  };

  test('with ADTS headers is refused: a decoder would follow them', () => {
    expect(() => source().take('audio', 0, frame(Buffer.of(0xff, 0xf1, 0x50, 0x80)), 0)).toThrow(
      /sound is damaged \(ADTS headers; FLV carries raw AAC frames\): restart the encoder/,
    );
  });

  test('in frames that are too long is refused', () => {
    expect(() => source().take('audio', 0, frame(Buffer.alloc(60_000)), 0)).toThrow(
      /an AAC frame of 60000 bytes/,
    );
  });

  test('without a configuration is passed over', () => {
    expect(new FeedSource().take('audio', 0, frame(Buffer.alloc(100)), 0)).toBeUndefined();
  });
});
