/** What viewers' pages tell of their latency, from a real player in Chromium into an edge's heartbeat. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import {
  VIEWERS_FIELD,
  readViewersFields,
  type ViewersView,
} from '#common/contracts/viewer-latency';
import { startChromium, type Chromium } from '../helpers/chromium.ts';
import { eventually } from '../helpers/poll.ts';
import { openHarness, type OriginHarness } from '../integration/aggregator-harness.ts';
import { runEdge, type RunningEdge } from '../integration/edge-run.ts';
import { startGrowingFeed, type GrowingFeed } from './growing-feed.ts';
import { makeWatchMedia, type WatchMedia } from './watch-media.ts';
import { ensurePlayerIsBuilt, look, until } from './watch-page.ts';

let media: WatchMedia;
let chromium: Chromium;
let harness: OriginHarness;
let edge: RunningEdge;
let feed: GrowingFeed;
let page: Page;
let told: ReadonlyMap<string, ViewersView> = new Map();

beforeAll(async () => {
  ensurePlayerIsBuilt();
  media = await makeWatchMedia([{ height: 180, bitrateBps: 250_000 }]);
  chromium = await startChromium({ width: 640, height: 480 });
  harness = await openHarness(true);
  edge = await runEdge(await harness.start(), {
    channels: () => ['engine', 'hls', 'dash'],
    onDetail: (detail) => {
      told = readViewersFields([detail[VIEWERS_FIELD]]);
    },
  });
}, 90_000);

afterAll(async () => {
  await chromium.close();
  await edge.close();
  await harness.close();
});

beforeEach(async () => {
  page = await chromium.context.newPage();
});

afterEach(async () => {
  await page.close();
  await feed.stop();
});

test.each(['engine', 'hls', 'dash'] as const)(
  'a page that plays by %s tells the edge what its badge says, and asks for nothing more',
  async (player) => {
    feed = await startGrowingFeed(harness, media, {
      channel: player,
      profile: 'low',
      pastSegments: 5,
    });
    const reports: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('CMCD=')) {
        reports.push(request.url());
      }
    });
    await page.goto(`${edge.url}/watch/${player}?player=${player}`);
    await until(page, 'it to play', ({ engine, state }) => engine === player && state === 'live');
    // While it catches up, what was told a moment ago is not what it is now.
    const near = await eventually('the edge to be told', async () => {
      const { latency = Number.NaN } = await look(page);
      const viewers = told.get(player);
      return viewers !== undefined && Math.abs(viewers.p50Ms / 1000 - latency) < 0.3
        ? viewers
        : undefined;
    });
    expect(near.count).toBe(1);
    expect(reports.every((url) => /\.(?:mpd|m3u8)\?/.test(url))).toBe(true);
  },
);
