/** A rendition that is withheld and comes back, in Chromium, on a real origin behind a real edge: every player goes on. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { startChromium, type Chromium } from '../helpers/chromium.ts';
import { openHarness, type OriginHarness } from '../integration/aggregator-harness.ts';
import { runEdge, type RunningEdge } from '../integration/edge-run.ts';
import { startGrowingFeed, type GrowingFeed } from './growing-feed.ts';
import { makeWatchMedia, type WatchMedia } from './watch-media.ts';
import { ensurePlayerIsBuilt, look, until } from './watch-page.ts';

let media: WatchMedia;
let chromium: Chromium;
let harness: OriginHarness;
let originUrl: string;
let edge: RunningEdge;
let feed: GrowingFeed;
let pages: readonly Page[];

beforeAll(async () => {
  ensurePlayerIsBuilt();
  media = await makeWatchMedia([
    { height: 360, bitrateBps: 600_000 },
    { height: 180, bitrateBps: 250_000 },
  ]);
  chromium = await startChromium({ width: 1440, height: 900 });
  harness = await openHarness(true);
  originUrl = await harness.start();
}, 90_000);

afterAll(async () => {
  await chromium.close();
  await harness.close();
});

afterEach(async () => {
  await Promise.all(pages.map((page) => page.close()));
  await feed.stop();
  await edge.close();
});

/** Opens a page whose player shows the large picture. */
async function open(channel: string, player: string): Promise<Page> {
  const page = await chromium.context.newPage();
  await page.goto(`${edge.url}/watch/${channel}?player=${player}`);
  await until(
    page,
    'the large picture',
    ({ engine, frames, height }) => engine === player && frames > 60 && height === 360,
  );
  return page;
}

// Our own engine alone, for its stalls are counted; the others beside each other.
test.each([[['engine']], [['hls', 'dash']]])(
  'by %p in low',
  async (players) => {
    const [channel = ''] = players;
    edge = await runEdge(originUrl, { channels: () => [channel] });
    feed = await startGrowingFeed(harness, media, { channel, profile: 'low', pastSegments: 5 });
    pages = await Promise.all(players.map((player) => open(channel, player)));
    const before = await Promise.all(pages.map((page) => look(page)));
    const from = await feed.shed(['v360']);
    const away = await Promise.all(
      pages.map(async (page) => {
        const small = await until(page, 'the small picture', ({ height }) => height === 180);
        await until(page, 'it to play on', ({ frames }) => frames > small.frames + 90);
        return small;
      }),
    );
    expect(Math.max(...away.map(({ currentTime }) => currentTime))).toBeLessThan(from * 2 + 0.5);
    await feed.shed([]);
    const after = await Promise.all(
      pages.map(async (page) => {
        const large = await until(page, 'the large picture again', ({ height }) => height === 360);
        return until(page, 'it to play on', ({ frames }) => frames > large.frames + 60);
      }),
    );
    players.forEach((player, i) => {
      // Held of our own engine only: stalls of the others on a busy machine cannot be told apart from those of shedding here.
      if (player === 'engine') {
        expect(after[i]?.stalls).toBe(before[i]?.stalls);
      }
      // dash.js stands still when its Representation leaves the MPD, and the page starts it again: ADR 19.
      if (player !== 'dash') {
        expect(after[i]?.lastError).toBeUndefined();
      }
    });
  },
  120_000,
);
