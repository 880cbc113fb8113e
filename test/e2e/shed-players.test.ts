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
let page: Page;

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
  await page.close();
  await feed.stop();
  await edge.close();
});

test.each([
  ['engine', 'low'],
  ['hls', 'low'],
  ['dash', 'low'],
] as const)(
  'by %s in %s',
  async (player, profile) => {
    const channel = `${player}-${profile}`;
    page = await chromium.context.newPage();
    edge = await runEdge(originUrl, { channels: () => [channel] });
    feed = await startGrowingFeed(harness, media, { channel, profile, pastSegments: 5 });
    await page.goto(`${edge.url}/watch/${channel}?player=${player}`);
    const before = await until(
      page,
      'the large picture',
      ({ engine, frames, height }) => engine === player && frames > 60 && height === 360,
    );
    const from = await feed.shed(['v360']);
    const away = await until(page, 'the small picture', ({ height }) => height === 180);
    expect(away.currentTime).toBeLessThan(from * 2 + 0.5);
    const on = await until(page, 'it to play on', ({ frames }) => frames > away.frames + 90);
    await feed.shed([]);
    const back = await until(page, 'the large picture again', ({ height }) => height === 360);
    const after = await until(page, 'it to play on', ({ frames }) => frames > back.frames + 60);
    // Held of our own engine only: stalls of the others on a busy machine cannot be told apart from those of shedding here.
    if (player === 'engine') {
      const stalls = [away, on, back, after].map((seen) => seen.stalls - before.stalls);
      expect(stalls).toEqual([0, 0, 0, 0]);
    }
    // dash.js stands still when its Representation leaves the MPD, and the page starts it again: ADR 19.
    if (player !== 'dash') {
      expect((await look(page)).lastError).toBeUndefined();
    }
  },
  90_000,
);
