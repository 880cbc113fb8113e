import { describe, expect, test } from '@jest/globals';
import { applicationOf, publishTarget } from '../../../ingest/rtmp/publish-target.ts';

const KEY = '0123456789abcdef0123456789abcdef';

describe('a stream key', () => {
  test.each([
    ['as given', 'live', KEY],
    ['with white space around it', 'live', ` ${KEY}\t`],
    ['with a line end', 'live', `${KEY}\r\n`],
    ['broken by a line end', 'live', `${KEY.slice(0, 9)}\n${KEY.slice(9)}`],
    ['with a zero-width space and a byte order mark', 'live', `\ufeff${KEY}\u200b`],
    ['with the end of a C string', 'live', `${KEY}\0`],
    ['with a query', 'live', `${KEY}?user=a&pass=b/c`],
    ['with slashes around it', 'live', `/${KEY}/`],
    ['behind the default instance', 'live/_definst_', KEY],
    ['behind the default instance in the name', 'live', `_definst_/${KEY}`],
    ['in the server', `live/${KEY}`, ''],
    ['in the server, with the default instance', `live/_definst_/${KEY}/`, ''],
    ['in the server, before a query', `live/${KEY}?a=b`, ''],
    ['in both boxes', `live/${KEY}`, KEY],
    ['behind the application in the name', '', `live/${KEY}`],
    ['behind the application, twice', 'live', `live/${KEY}`],
    ['as a whole URL', 'live', `rtmp://192.0.2.1:1935/live/${KEY}`],
    ['as a whole URL of another application', 'stream', `rtmps://example.net/live/${KEY}`],
    ['behind an application with a slash', 'live/', KEY],
    ['behind an application with a query', 'live?token=x', KEY],
    ['behind an application in capitals', ' LIVE ', KEY],
  ])('%s is taken', (_how, app, name) => {
    expect(publishTarget(app, name)).toEqual({ key: KEY });
  });

  test.each([
    ['live', ''],
    ['live', ' \n'],
    ['live', '?a=b'],
    ['live/_definst_', '/'],
    ['live', 'rtmp://example.net/live'],
    ['', ''],
  ])('that is not there (%j, %j) is asked for by the name of its box', (app, name) => {
    expect(publishTarget(app, name)).toEqual({
      problem: 'Stream Key is empty: paste it into Settings -> Stream -> Stream Key',
    });
  });

  test.each([
    ['app', KEY],
    ['', KEY],
    ['livestream', KEY],
    ['live/other', KEY],
    [KEY, ''],
    ['live', `${KEY}/other`],
    ['app', `rtmp://example.net/app/${KEY}`],
  ])('that may mean several things (%j, %j) is not guessed at, nor repeated', (app, name) => {
    const target = publishTarget(app, name);
    expect(target).toEqual({ problem: expect.stringContaining('Settings -> Stream -> Server') });
    expect(JSON.stringify(target)).not.toContain(KEY.slice(0, 8));
  });

  test('of any length takes no longer than its first thousand characters', () => {
    const long = publishTarget('live', 'a'.repeat(1_000_000));
    expect(long).toEqual({ key: 'a'.repeat(1000) });
  });
});

describe('an application', () => {
  test('is that of connect, or the path of its URL', () => {
    expect(applicationOf('live', 'rtmp://a/other')).toBe('live');
    expect(applicationOf('', 'rtmp://user:pass@a.example:1936/live/x?y')).toBe('/live/x?y');
    expect(applicationOf('', 'http://a/live')).toBe('');
  });
});
