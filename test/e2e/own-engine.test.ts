/** Our own engine in Chromium, on a real origin behind a real edge, fed with real fragments at the pace of the grid. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { startChromium, type Chromium } from '../helpers/chromium.ts';
import { eventually } from '../helpers/poll.ts';
import { openHarness, type OriginHarness } from '../integration/aggregator-harness.ts';
import { runEdge, type RunningEdge } from '../integration/edge-run.ts';
import { startGrowingFeed, type GrowingFeed } from './growing-feed.ts';
import { makeWatchMedia, type WatchMedia } from './watch-media.ts';

/** What of `window.__touchline` the tests read. */
interface Seen {
  readonly engine: string | undefined;
  readonly state: string;
  readonly currentTime: number;
  readonly latency: number | undefined;
  readonly bufferAhead: number;
  readonly frames: number;
  readonly stalls: number;
  readonly height: number;
  readonly isAtLive: boolean;
  readonly lastError: string | undefined;
}

let media: WatchMedia;
let chromium: Chromium;
let harness: OriginHarness;
let originUrl: string;
let edge: RunningEdge;
let feed: GrowingFeed;
let page: Page;
let mistakes: string[];
let channels = 0;

beforeAll(async () => {
  const player = path.join(import.meta.dirname, '../../player');
  if (!existsSync(path.join(player, 'dist/manifest.json'))) {
    execFileSync(process.execPath, [path.join(player, 'build.mjs')]);
  }
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

beforeEach(async () => {
  channels += 1;
  page = await chromium.context.newPage();
  mistakes = [];
  page.on('pageerror', (error) => mistakes.push(error.message));
  edge = await runEdge(originUrl, { channels: () => [`e${channels}`] });
});

afterEach(async () => {
  await page.close();
  await feed.stop();
  await edge.close();
  expect(mistakes).toEqual([]);
});

const look = async (): Promise<Seen> =>
  JSON.parse(
    await page.evaluate<string>(
      `JSON.stringify({ engine: __touchline.engine, state: __touchline.state, ...__touchline.stats() })`,
    ),
  ) as Seen;

const until = (what: string, isSo: (seen: Seen) => boolean): Promise<Seen> =>
  eventually(what, async () => {
    const seen = await look();
    return isSo(seen) ? seen : undefined;
  });

const start = async (profile: 'low' | 'instant', query = ''): Promise<void> => {
  const channel = `e${channels}`;
  feed = await startGrowingFeed(harness, media, { channel, profile, pastSegments: 5 });
  await page.goto(`${edge.url}/watch/${channel}${query}`);
};

describe.each(['instant', 'low'] as const)('our own engine in %s', (profile) => {
  test('plays by itself, near the clock, goes back and returns, and plays to the end', async () => {
    await start(profile);
    const live = await until('the broadcast to play', ({ frames }) => frames > 60);
    expect(live).toMatchObject({ engine: 'engine', state: 'live', isAtLive: true });
    expect(live.latency).toBeLessThan(profile === 'instant' ? 1 : 1.5);
    const trace: unknown[] = [];
    for (let i = 0; i < 20; i += 1) {
      const { latency, bufferAhead, stalls, frames, height } = await look();
      trace.push([latency, bufferAhead, stalls, frames, height]);
      await page.waitForTimeout(500);
    }
    console.log(profile, JSON.stringify(trace));
  });
});
