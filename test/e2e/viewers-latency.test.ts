/**
 * What viewers' pages tell of their latency, from a real player in Chromium into an edge's heartbeat.
 *
 * @takes-seconds 20
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import {
  VIEWERS_FIELD,
  readViewersFields,
  type ViewersView,
} from '#common/contracts/viewer-latency';
import { eventually } from '../helpers/poll.ts';
import { runEdge, type RunningEdge } from '../integration/edge-run.ts';
import { startGrowingFeed, type GrowingFeed } from './growing-feed.ts';
import { openLiveStage, type LiveStage } from './live-stage.ts';
import { ONE_PICTURE } from './watch-media.ts';
import { look, until } from './watch-page.ts';

let stage: LiveStage;
let edge: RunningEdge;
let feed: GrowingFeed;
let page: Page;
let told: ReadonlyMap<string, ViewersView> = new Map();

beforeAll(async () => {
  stage = await openLiveStage(ONE_PICTURE);
  edge = await runEdge(stage.originUrl, {
    channels: () => ['engine', 'hls', 'dash'],
    onDetail: (detail) => {
      told = readViewersFields([detail[VIEWERS_FIELD]]);
    },
  });
}, 90_000);

afterAll(async () => {
  await edge.close();
  await stage.close();
});

beforeEach(async () => {
  page = await stage.chromium.context.newPage();
});

afterEach(async () => {
  await page.close();
  await feed.stop();
});

test.each(['engine', 'hls', 'dash'] as const)(
  'a page that plays by %s tells the edge what its badge says, and asks for nothing more',
  async (player) => {
    feed = await startGrowingFeed(stage, {
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
      const seen = await look(page);
      const viewers = told.get(player);
      const { latency = Number.NaN } = seen;
      if (viewers === undefined || !(Math.abs(viewers.p50Ms / 1000 - latency) < 0.3)) {
        throw new Error(JSON.stringify({ told: viewers, reports: reports.slice(-2), seen }));
      }
      return viewers;
    });
    expect(near.count).toBe(1);
    expect(reports.every((url) => /\.(?:mpd|m3u8)\?/.test(url))).toBe(true);
  },
);
