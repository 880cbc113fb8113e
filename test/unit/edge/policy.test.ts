import { describe, expect, test } from '@jest/globals';
import {
  FOREVER,
  cacheControlFor,
  contentTypeOf,
  freshnessOf,
  maxAgeOf,
  statusForViewer,
} from '../../../edge/policy.ts';

const SEGMENT = '/live/main/v720/1.m4s';
const PLAYLIST = '/live/main/v720/1.m3u8';
const RECORDING = '/vod/main/1/index.m3u8';

describe('freshnessOf', () => {
  test('segments and init segments never go stale, whatever a header says', () => {
    expect(freshnessOf('segment', SEGMENT, 200, 'no-store')).toBe(FOREVER);
    expect(freshnessOf('init', SEGMENT, 200, undefined)).toBe(FOREVER);
  });

  test('live playlists live as long as the origin says, at most a second', () => {
    expect(freshnessOf('playlist', PLAYLIST, 200, 'public, max-age=1')).toBe(1000);
    expect(freshnessOf('playlist', PLAYLIST, 200, 'public, max-age=60')).toBe(1000);
    expect(freshnessOf('manifest', PLAYLIST, 200, 'no-cache')).toBe(0);
    expect(freshnessOf('playlist', PLAYLIST, 200, undefined)).toBe(500);
  });

  test('recordings may live longer', () => {
    expect(freshnessOf('playlist', RECORDING, 200, 'max-age=30')).toBe(30_000);
    expect(freshnessOf('playlist', RECORDING, 200, 'max-age=86400')).toBe(60_000);
  });

  test('a 404 lives at most half a second', () => {
    expect(freshnessOf('segment', SEGMENT, 404, 'public, max-age=3600')).toBe(500);
    expect(freshnessOf('segment', SEGMENT, 404, undefined)).toBe(500);
    expect(freshnessOf('segment', SEGMENT, 404, 'no-store')).toBe(0);
  });

  test.each([301, 400, 403, 500, 502, 503, 504])('a %d is never kept', (status) => {
    expect(freshnessOf('segment', SEGMENT, status, 'public, max-age=60')).toBe(0);
  });
});

describe('headers', () => {
  test('max-age is read, s-maxage wins, rubbish is ignored', () => {
    expect(maxAgeOf('public, MAX-AGE=7')).toBe(7);
    expect(maxAgeOf('max-age=7, s-maxage=3')).toBe(3);
    expect(maxAgeOf('max-age=7, no-store')).toBe(0);
    expect(maxAgeOf('max-age=-1')).toBeUndefined();
    expect(maxAgeOf('max-age=soon')).toBeUndefined();
  });

  test('viewers may keep media for ever and playlists as the origin says', () => {
    expect(cacheControlFor('segment', 'no-store')).toContain('immutable');
    expect(cacheControlFor('playlist', 'public, max-age=1')).toBe('public, max-age=1');
  });

  test('content types are ours', () => {
    expect(contentTypeOf('segment', '/live/main/a128/1.m4s')).toBe('audio/mp4');
    expect(contentTypeOf('segment', SEGMENT)).toBe('video/mp4');
    expect(contentTypeOf('manifest', '/live/main/index.mpd')).toBe('application/dash+xml');
  });

  test('failures of the upstream are a bad gateway, "not ready yet" stays', () => {
    expect([200, 404, 503].map(statusForViewer)).toEqual([200, 404, 503]);
    expect([301, 500, 502, 504, 418].map(statusForViewer)).toEqual([502, 502, 502, 502, 502]);
  });
});
