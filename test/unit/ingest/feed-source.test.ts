import { describe, expect, test } from '@jest/globals';
import { FeedSource } from '../../../ingest/feed/feed-source.ts';
import { joinSample } from '#common/codec/h264/nal-units';
import { encodeAmf } from '../../helpers/amf0.ts';
import { writeAvcConfiguration, writePps, writeSlice, writeSps } from '../../helpers/bits.ts';

const CONFIGURATION = Buffer.concat([
  Buffer.of(0x17, 0, 0, 0, 0),
  writeAvcConfiguration([writeSps()], [writePps()]),
]);

describe('times in a feed', () => {
  test.each([
    [-8_388_608, 1000],
    [8_388_607, 1000],
    [3001, 1000],
    [3000, 4000],
    [-500, 500],
  ])('of a picture with composition time %i', (compositionTime, pts) => {
    const feed = new FeedSource();
    feed.take('video', 0, CONFIGURATION, 0);
    const tag = Buffer.concat([Buffer.of(0x17, 1, 0, 0, 0), joinSample([writeSlice(7)])]);
    tag.writeIntBE(compositionTime, 2, 3);
    expect(feed.take('video', 1000, tag, 0)).toMatchObject({ dts: 1000, pts });
    expect(feed.oddCompositionTimes).toBe(Math.abs(compositionTime) > 3000 ? 1 : 0);
  });
});

describe('a declared frame rate', () => {
  test.each([
    [60, 60],
    ['29.97', 29.97],
    [0, undefined],
    [-30, undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    [1e300, undefined],
    ['fast', undefined],
  ])('of %p is %p', (framerate, expected) => {
    const feed = new FeedSource();
    feed.take('script', 0, encodeAmf('onMetaData', { framerate }), 0);
    expect(feed.declaredFps).toBe(expected);
  });

  test('is found among ten times as many values as are kept, and long texts are cut', () => {
    const feed = new FeedSource();
    const values = Object.fromEntries(Array.from({ length: 1280 }, (_, i) => [`v${i}`, i]));
    feed.take('script', 0, encodeAmf('onMetaData', { framerate: 30, ...values }), 0);
    expect(feed.declaredFps).toBe(30);
    feed.take('script', 0, encodeAmf('onMetaData', { encoder: 'x'.repeat(60_000) }), 0);
    expect(feed.encoder).toHaveLength(100);
  });
});

describe('media of another kind', () => {
  test.each<['audio' | 'video', Buffer, RegExp]>([
    ['video', Buffer.from('#EXTM3U\nhttp://127.0.0.1/x.ts\n'), /Screen video; choose H.264/],
    ['video', Buffer.from("ffconcat version 1.0\nfile 'x'\n"), /Screen video 2; choose H.264/],
    ['video', Buffer.from('file:/etc/passwd'), /Screen video 2; choose H.264/],
    ['video', Buffer.concat([Buffer.of(0x90), Buffer.from('av01')]), /av01 in Enhanced RTMP form/],
    [
      'video',
      Buffer.concat([Buffer.of(0x91), Buffer.alloc(4, 255)]),
      /video in Enhanced RTMP form/,
    ],
    ['video', Buffer.of(0x1c, 1, 0, 0, 0), /HEVC; choose H.264 as video encoder/],
    ['video', Buffer.of(0x10, 1, 0, 0, 0), /codec id 0/],
    ['audio', Buffer.from('#EXTM3U\n'), /MP3; choose AAC as audio encoder/],
    ['audio', Buffer.of(0x2f, 0xff, 0xfb), /MP3; choose AAC/],
    ['audio', Buffer.of(0xb6, 1, 2), /Speex; choose AAC/],
    [
      'audio',
      Buffer.concat([Buffer.of(0x90), Buffer.from('Opus')]),
      /Enhanced RTMP form; choose AAC/,
    ],
  ])('in a %s message is refused in words that help', (type, data, message) => {
    expect(() => new FeedSource().take(type, 0, data, 0)).toThrow(message);
  });
});
