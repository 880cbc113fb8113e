import { describe, expect, test } from '@jest/globals';
import { firstVariant, hasEnded, lookForBroadcast } from '../../../player/broadcast.ts';

const MASTER = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Main",URI="a128/897500000.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1000000
v720/897500000.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=500000
v360/897500000.m3u8
`;
const ADDRESS = 'http://edge.example/live/main/index.m3u8';
const MEDIA = 'http://edge.example/live/main/v720/897500000.m3u8';
const LIVE = `#EXTM3U\n${'#EXTINF:2,\nn.m4s\n'.repeat(3)}`;

const reading =
  (texts: Readonly<Record<string, string | undefined>>, asked: string[] = []) =>
  (url: string): Promise<string | undefined> => {
    asked.push(url);
    return Promise.resolve(texts[url]);
  };

test('the first variant and its broadcast are read from a multivariant playlist', () => {
  expect(firstVariant(MASTER)).toEqual({ uri: 'v720/897500000.m3u8', broadcast: 897_500_000 });
  expect(firstVariant('#EXTM3U\n')).toBeUndefined();
});

test('only the tag ends a playlist', () => {
  expect(hasEnded(`${LIVE}#EXT-X-ENDLIST\n`)).toBe(true);
  expect(hasEnded(`${LIVE}# not #EXT-X-ENDLIST\n`)).toBe(false);
});

describe('lookForBroadcast', () => {
  test('nothing is on when there is no playlist', async () => {
    expect(await lookForBroadcast(ADDRESS, reading({}))).toEqual({ kind: 'nothing' });
  });

  test('a playlist that grows is live, one with an end is over', async () => {
    const broadcast = 897_500_000;
    expect(await lookForBroadcast(ADDRESS, reading({ [ADDRESS]: MASTER, [MEDIA]: LIVE }))).toEqual({
      kind: 'live',
      broadcast,
      isLowLatency: false,
    });
    const ended = reading({ [ADDRESS]: MASTER, [MEDIA]: `${LIVE}#EXT-X-ENDLIST\n` });
    expect(await lookForBroadcast(ADDRESS, ended)).toEqual({ kind: 'ended', broadcast });
  });

  test('a broadcast of fewer segments than players keep is only beginning', async () => {
    const short = LIVE.replace('#EXTINF:2,\nn.m4s\n', '');
    const read = reading({ [ADDRESS]: MASTER, [MEDIA]: short });
    expect(await lookForBroadcast(ADDRESS, read)).toEqual({ kind: 'beginning' });
    const over = reading({ [ADDRESS]: MASTER, [MEDIA]: `${short}#EXT-X-ENDLIST\n` });
    expect(await lookForBroadcast(ADDRESS, over)).toMatchObject({ kind: 'ended' });
  });

  test('where segments have parts, a few of them are enough', async () => {
    const parts = (count: number): string =>
      `#EXTM3U\n#EXT-X-PART-INF:PART-TARGET=0.2\n${'#EXT-X-PART:DURATION=0.2,URI="p"\n'.repeat(count)}`;
    const look = (count: number): ReturnType<typeof lookForBroadcast> =>
      lookForBroadcast(ADDRESS, reading({ [ADDRESS]: MASTER, [MEDIA]: parts(count) }));
    expect(await look(3)).toMatchObject({ kind: 'live', isLowLatency: true });
    expect(await look(2)).toEqual({ kind: 'beginning' });
  });

  test('a broadcast known to be over costs one small request', async () => {
    const asked: string[] = [];
    const read = reading({ [ADDRESS]: MASTER }, asked);
    expect(await lookForBroadcast(ADDRESS, read, 897_500_000)).toEqual({
      kind: 'ended',
      broadcast: 897_500_000,
    });
    expect(asked).toEqual([ADDRESS]);
  });

  test('an error says nothing about the channel', async () => {
    const failing = (): Promise<string> => Promise.reject(new Error('status 502'));
    expect(await lookForBroadcast(ADDRESS, failing)).toEqual({ kind: 'unreachable' });
    expect(await lookForBroadcast(ADDRESS, reading({ [ADDRESS]: 'rubbish' }))).toEqual({
      kind: 'unreachable',
    });
  });
});
