import { describe, expect, test } from '@jest/globals';
import {
  isSoundPath,
  broadcastOfPlaylist,
  deliveryPath,
  initFile,
  mediaPlaylistFile,
  pagePath,
  parseDelivery,
  parsePage,
  presentationPath,
  type Delivery,
} from '#common/contracts/delivery';
import { storeKeys } from '#common/contracts/names';
import { segmentNumber } from '#common/time';
import { parseRoute as parseAtOrigin } from '../../aggregator/route.ts';
import { parseRoute as parseAtEdge } from '../../edge/paths.ts';

const n = segmentNumber(897_500_000);
const HASH = '0123456789abcdef';

const DELIVERIES: readonly (readonly [string, Delivery])[] = [
  ['/live/final/index.m3u8', { kind: 'multivariant', channel: 'final' }],
  ['/live/final/index.mpd', { kind: 'manifest', channel: 'final' }],
  ['/live/final/preview.jpg', { kind: 'preview', channel: 'final' }],
  [
    '/live/final/v720/897500000.m3u8',
    { kind: 'media-playlist', channel: 'final', rendition: 'v720', broadcast: n },
  ],
  [
    '/live/final/v720/897500000.4.m4s',
    { kind: 'part', channel: 'final', rendition: 'v720', n, k: 4 },
  ],
  ['/live/final/a128/897500000.m4s', { kind: 'segment', channel: 'final', rendition: 'a128', n }],
  [
    `/live/final/v720/init-${HASH}.mp4`,
    { kind: 'init', channel: 'final', rendition: 'v720', hash: HASH },
  ],
  [
    '/vod/final/897500000/index.m3u8',
    { kind: 'recording-multivariant', channel: 'final', broadcast: n },
  ],
  [
    '/vod/final/897500000/index.mpd',
    { kind: 'recording-manifest', channel: 'final', broadcast: n },
  ],
  [
    '/vod/final/897500000/v720.m3u8',
    { kind: 'recording-playlist', channel: 'final', broadcast: n, rendition: 'v720' },
  ],
];

describe('the URLs that viewers see', () => {
  test.each(DELIVERIES)('%s is built and parsed to the same', (path, delivery) => {
    expect(parseDelivery(path)).toEqual(delivery);
    expect(deliveryPath(delivery)).toBe(path);
  });

  test.each(DELIVERIES)(
    '%s is the same to origin and edge, whatever its query',
    (path, delivery) => {
      const directives = [
        '?_HLS_msn=897500001&_HLS_part=2&_HLS_skip=YES',
        '?_HLS_part=2&_HLS_skip=YES',
        '?_HLS_msn=-1',
        '?_HLS_msn=0897500001',
      ];
      const isReloaded = delivery.kind === 'media-playlist';
      for (const query of ['', '?token=x', '?a?b', ...(isReloaded ? [] : directives)]) {
        expect(parseAtOrigin(path + query)).toEqual(delivery);
        expect(parseAtEdge(path + query)).toMatchObject({ kind: 'media', key: path });
      }
    },
  );

  test('a live media playlist may be asked for by a number that it is to list, in one way of writing it', () => {
    const delivery: Delivery = {
      kind: 'media-playlist',
      channel: 'final',
      rendition: 'v720',
      broadcast: n,
      reload: { msn: segmentNumber(897_500_001) },
    };
    const key = '/live/final/v720/897500000.m3u8?_HLS_msn=897500001';
    expect(deliveryPath(delivery)).toBe(key);
    for (const query of ['_HLS_msn=897500001', 'token=x&_HLS_msn=897500001&CMCD=y']) {
      const target = `/live/final/v720/897500000.m3u8?${query}`;
      expect(parseAtOrigin(target)).toEqual(delivery);
      expect(parseAtEdge(target)).toEqual({ kind: 'media', key, media: 'playlist' });
    }
    expect(parseDelivery('/live/final/v720/897500000.m4s?_HLS_msn=5')).not.toHaveProperty('reload');
  });

  test.each([
    ['token=x&_HLS_skip=YES&_HLS_msn=897500001&CMCD=y', '_HLS_msn=897500001&_HLS_skip=YES'],
    ['_HLS_part=2&x=1&_HLS_msn=897500001', '_HLS_msn=897500001&_HLS_part=2'],
    [
      '_HLS_skip=v2&token=a&_HLS_msn=897500001&_HLS_part=0',
      '_HLS_msn=897500001&_HLS_part=0&_HLS_skip=YES',
    ],
    ['_HLS_skip=YES', '_HLS_skip=YES'],
  ])('the directives %s are part of the key as %s', (query, canonical) => {
    const path = '/live/final/v720/897500000.m3u8';
    expect(parseAtEdge(`${path}?${query}`)).toMatchObject({ key: `${path}?${canonical}` });
    const parsed = parseDelivery(`${path}?${canonical}`);
    expect(parseAtOrigin(`${path}?${query}`)).toEqual(parsed);
    if (parsed === undefined || parsed === 'malformed') {
      throw new Error('not parsed');
    }
    expect(deliveryPath(parsed)).toBe(`${path}?${canonical}`);
  });

  test.each([
    '_HLS_part=1',
    '_HLS_part=2&_HLS_skip=YES',
    '_HLS_msn=x',
    '_HLS_msn=-1',
    '_HLS_msn=01',
    '_HLS_msn=0897500001',
    '_HLS_msn=',
    '_HLS_msn=1&_HLS_msn=2',
    '_HLS_msn=1&_HLS_part=1.5',
    '_HLS_msn=12345678901234567',
    '_HLS_skip=NO',
  ])('the directives %s are malformed to origin and edge alike', (query) => {
    const target = `/live/final/v720/897500000.m3u8?${query}`;
    expect(parseAtOrigin(target)).toBe('malformed');
    expect(parseAtEdge(target)).toEqual({ kind: 'malformed' });
  });

  test.each([
    '/live/final/v720/1.01.m4s',
    '/live/final/v720/1.1000.m4s',
    '/live/final/v720/0897500000.m4s',
    '/live/final/v720/1234567890123456.m4s',
    '/live/final/v720/1234567890123456.m3u8',
    '/vod/final/1234567890123456/index.mpd',
    '/live/final/v72000/1.m4s',
    '/live/final/v720/1.m4s/',
    '/live/final/../final/index.mpd',
    '/live/Final/index.mpd',
    `/live/${'a'.repeat(64)}/index.mpd`,
    '/live/final/v720/1.m4s\n',
    '/time',
  ])('%j is nothing to origin and edge alike', (path) => {
    expect(parseDelivery(path)).toBeUndefined();
    expect(parseAtEdge(path)).toEqual({ kind: path === '/time' ? 'time' : 'none' });
  });

  test('playlists name what is parsed', () => {
    expect(broadcastOfPlaylist(mediaPlaylistFile('v720', n))).toBe(n);
    expect(broadcastOfPlaylist('v720/index.m3u8')).toBeUndefined();
    expect(presentationPath('final', n)).toBe('/vod/final/897500000/index');
    expect(initFile(HASH + '0'.repeat(48))).toBe(`init-${HASH}.mp4`);
  });

  test('the store has the same file names', () => {
    expect(storeKeys.segment('final', 'v720', n)).toBe('media/final/v720/897500000.m4s');
    expect(storeKeys.init('final', 'v720', HASH)).toBe(`media/final/v720/init-${HASH}.mp4`);
  });

  test('a path is of sound by its rendition, not by its channel', () => {
    expect(isSoundPath('/live/final/a128/5.m4s')).toBe(true);
    expect(isSoundPath('/live/a128/v720/5.m4s')).toBe(false);
  });

  test('pages are built and parsed to the same', () => {
    for (const page of ['watch', 'embed'] as const) {
      expect(parsePage(pagePath({ page, channel: 'final' }))).toEqual({ page, channel: 'final' });
    }
    expect(parsePage('/watch/<script>')).toBeUndefined();
  });
});
