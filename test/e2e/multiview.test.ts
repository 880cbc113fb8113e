/**
 * Several channels at once in Chromium, on a real origin behind a real edge, fed at the pace of the grid.
 *
 * @takes-seconds 25
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { faultsOf } from '../helpers/axe.ts';
import { eventually } from '../helpers/poll.ts';
import { runEdge, type RunningEdge } from '../integration/edge-run.ts';
import { titleOf } from '../../player/timeline.ts';
import { framesApart, watchTogether } from './shown-together.ts';
import { startGrowingFeed, type GrowingFeed } from './growing-feed.ts';
import { openLiveStage, type LiveStage } from './live-stage.ts';
import { ONE_PICTURE } from './watch-media.ts';
import { noteMistakes } from './watch-page.ts';

let stage: LiveStage;
let edge: RunningEdge;
let page: Page;
let feeds: GrowingFeed[];
let mistakes: readonly string[];
let channels = 0;

beforeAll(async () => {
  // Two pictures stand beside each other in it.
  stage = await openLiveStage(ONE_PICTURE, { width: 960, height: 400 });
  edge = await runEdge(stage.originUrl, {
    channels: () => Array.from({ length: channels + 4 }, (_, i) => `m${i}`),
  });
}, 90_000);

afterAll(async () => {
  await edge.close();
  await stage.close();
});

beforeEach(async () => {
  feeds = [];
  page = await stage.chromium.context.newPage();
  mistakes = noteMistakes(page);
});

afterEach(async () => {
  await page.close();
  await Promise.all(feeds.map((feed) => feed.stop()));
  expect(mistakes).toEqual([]);
});

interface Seen {
  readonly tiles: readonly {
    readonly channel: string;
    readonly state: string;
    readonly engine: string | undefined;
    readonly latency: number | undefined;
    readonly frames: number;
    readonly lastError: string | undefined;
  }[];
  readonly chosen: number;
  readonly isLarge: boolean;
  readonly isSoundOn: boolean;
  readonly soundLatency: number | undefined;
  readonly distance: number;
}

const look = async (): Promise<Seen> =>
  JSON.parse(await page.evaluate<string>('JSON.stringify(__multiview.stats())')) as Seen;

const until = (what: string, isSo: (seen: Seen) => boolean): Promise<Seen> =>
  eventually(what, async () => {
    const seen = await look();
    return isSo(seen) ? seen : undefined;
  });

const feed = async (channel: string, profile: 'low' | 'instant'): Promise<GrowingFeed> => {
  const begun = await startGrowingFeed(stage, { channel, profile, pastSegments: 3 });
  feeds.push(begun);
  return begun;
};

const newChannel = (): string => {
  channels += 1;
  return `m${channels}`;
};

const heightsOf = (): Promise<number[]> =>
  page.evaluate<number[]>(
    `[...document.querySelectorAll('.tile')].map((tile) => tile.clientHeight)`,
  );

describe('several channels at once', () => {
  test('play at the same moment, the sound of one, which keys and clicks move', async () => {
    const [one, two] = [newChannel(), newChannel()];
    await feed(one, 'instant');
    // Its fragments are longer: alone it would be further behind.
    await feed(two, 'low');
    const response = await page.goto(`${edge.url}/watch/${one}+${two}`);
    expect(response?.status()).toBe(200);
    const isPlaying = ({ tiles }: Seen): boolean =>
      tiles.length === 2 && tiles.every(({ state, frames }) => state === 'live' && frames > 60);
    const begun = await until('both to play', isPlaying);
    expect(begun.tiles.map(({ engine }) => engine)).toEqual(['engine', 'engine']);
    expect(begun).toMatchObject({ chosen: 0, isSoundOn: false });

    await until('one distance', ({ tiles, distance }) =>
      tiles.every(({ latency = 9 }) => Math.abs(latency - distance) < 0.01),
    );
    const readShown = await watchTogether(page);
    const { frames = 0 } = (await look()).tiles[0] ?? {};
    await until('some seconds', ({ tiles }) => (tiles[0]?.frames ?? 0) > frames + 150);
    const [first = [], second = []] = await readShown();
    const apart = framesApart(first, second, 30);
    expect(apart.length).toBeGreaterThan(5);
    const within = apart.filter((frames) => Math.round(frames) <= 1);
    expect(within.length / apart.length).toBeGreaterThan(0.8);

    const { distance } = await look();
    await page.keyboard.press('2');
    const heard = await until(
      'the sound of the second, at its picture',
      ({ soundLatency = 9, tiles }) => Math.abs(soundLatency - (tiles[1]?.latency ?? 0)) < 0.02,
    );
    expect(heard).toMatchObject({ chosen: 1, isSoundOn: true });
    // The pictures had not to wait for it.
    expect(heard.distance).toBeLessThan(distance + 0.1);

    await page.getByRole('radio', { name: titleOf(one) }).click();
    await until(
      'the sound of the first',
      ({ chosen, soundLatency }) => chosen === 0 && soundLatency !== undefined,
    );
    expect(await page.getByRole('radio', { checked: true }).getAttribute('aria-label')).toBe(
      titleOf(one),
    );
    await page.keyboard.press('m');
    const muted = await until('silence', ({ isSoundOn }) => !isSoundOn);
    expect(muted.soundLatency).toBeUndefined();
    await page.keyboard.press('l');
    await page.keyboard.press('ArrowRight');
    const large = await until('the second to be large', ({ isLarge }) => isLarge);
    expect(large).toMatchObject({ chosen: 1, isSoundOn: false });
    await eventually('it to have its place', async () => {
      const [small = 0, tall = 0] = await heightsOf();
      return tall > 2 * small ? true : undefined;
    });
    await page.keyboard.press('Escape');
    await until('both alike', ({ isLarge }) => !isLarge);
    expect(await faultsOf(page)).toEqual([]);
    expect((await look()).tiles.map(({ lastError }) => lastError)).toEqual([undefined, undefined]);
  });

  test('say in its place what is the matter with one, which comes back by itself', async () => {
    const [on, off] = [newChannel(), newChannel()];
    const first = await feed(on, 'instant');
    await page.goto(`${edge.url}/watch/${on}+${off}+nobodys`);
    await until('the one on air', ({ tiles }) => tiles[0]?.state === 'live');
    await page.getByRole('radio', { name: `${titleOf(off)}: Not on air yet` }).waitFor();
    await page.getByRole('radio', { name: 'Nobodys: There is no such channel' }).waitFor();
    await feed(off, 'instant');
    await until('the other, once it is on air', ({ tiles }) => tiles[1]?.state === 'live');
    await first.end();
    await page.getByRole('radio', { name: `${titleOf(on)}: The broadcast has ended` }).waitFor();
    expect((await look()).tiles[1]?.state).toBe('live');
  });

  test.each([
    ['a+b+c+d+e', 400, 'At most 4 channels at once', '/watch/a+b+c+d'],
    ['a+b+a', 400, 'A channel is named twice', '/watch/a+b'],
    ['a+B', 404, 'There is no such channel', '/watch/a'],
  ])('says of %s what is wrong with it', async (list, status, heading, link) => {
    const response = await page.goto(`${edge.url}/watch/${list}`);
    expect(response?.status()).toBe(status);
    await page.getByRole('heading', { name: heading }).waitFor();
    expect(await page.getByRole('link', { name: /^Watch/ }).getAttribute('href')).toBe(link);
    expect(await faultsOf(page)).toEqual([]);
  });
});
