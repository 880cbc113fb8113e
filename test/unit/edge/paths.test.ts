import { describe, expect, test } from '@jest/globals';
import { parseRoute } from '../../../edge/paths.ts';

const media = (key: string, kind: string): unknown => ({ kind: 'media', key, media: kind });

describe('parseRoute', () => {
  test.each([
    ['/live/main/index.m3u8', 'playlist'],
    ['/live/main/index.mpd', 'manifest'],
    ['/live/main/preview.jpg', 'preview'],
    ['/live/cup-final-2026/v1080/897500000.m4s', 'segment'],
    ['/live/main/a128/0.m4s', 'segment'],
    ['/live/main/v720/897500000.m3u8', 'playlist'],
    ['/live/main/v720/init-0123456789abcdef.mp4', 'init'],
    ['/vod/main/897500000/index.m3u8', 'playlist'],
    ['/vod/main/897500000/index.mpd', 'manifest'],
    ['/vod/main/897500000/a128.m3u8', 'playlist'],
  ])('%s is a %s', (path, kind) => {
    expect(parseRoute(path)).toEqual(media(path, kind));
  });

  test('the query is no part of a key', () => {
    expect(parseRoute('/live/main/index.m3u8?token=abc&CMCD=x')).toEqual(
      media('/live/main/index.m3u8', 'playlist'),
    );
  });

  test.each([
    ['/time', { kind: 'time' }],
    ['/', { kind: 'home' }],
    ['/v1/edges/nearest?channel=main', { kind: 'nearest' }],
    ['/watch/main?player=dash', { kind: 'page', page: 'watch', channel: 'main' }],
    ['/embed/cup-final', { kind: 'page', page: 'embed', channel: 'cup-final' }],
    ['/watch/a+b', { kind: 'page', page: 'multiview', channels: ['a', 'b'] }],
    ['/assets/player-Z4A3DYBR.js', { kind: 'asset', name: 'player-Z4A3DYBR.js' }],
  ])('%s is known', (path, route) => {
    expect(parseRoute(path)).toEqual(route);
  });

  test.each([
    '',
    '*',
    '/live/main/../main/index.m3u8',
    '/live/main/%2e%2e/index.m3u8',
    '/live/../../etc/passwd',
    '/live//main/index.m3u8',
    '//live/main/index.m3u8',
    '/live/main/v720/1.m4s/',
    '/live/main/v720/01.m4s',
    '/live/main/v720/-1.m4s',
    '/live/main/v720/1e9.m4s',
    '/live/main/v720/12345678901234567.m4s',
    '/live/main/v720/1.m4s\n',
    '/live/main/v720/init-0123456789ABCDEF.mp4',
    '/live/main/v720/init-0123.mp4',
    '/live/main/x720/1.m4s',
    '/live/Main/index.m3u8',
    '/live/-main/index.m3u8',
    `/live/${'a'.repeat(64)}/index.m3u8`,
    '/live/main/index.m3u8.bak',
    '/live/main',
    '/liver/main/index.m3u8',
    '/vod/main/index.m3u8',
    '/vod/main/1/v720/1.m4s',
    '/watch/main/',
    '/watch/',
    '/watch/<script>',
    '/assets/../main.ts',
    '/assets/..%2fmain.ts',
    '/assets/player',
    '/assets/.env',
    '/time/',
    'http://elsewhere.example/live/main/index.m3u8',
  ])('%j is nothing', (path) => {
    expect(parseRoute(path)).toEqual({ kind: 'none' });
  });
});
