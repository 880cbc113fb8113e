/**
 * A rendition that is withheld and comes back, in Chromium, on a real origin behind a real edge: every player goes on.
 *
 * @takes-seconds 60
 */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { segmentSeconds } from '#common/grid';
import { runEdge, type RunningEdge } from '../integration/edge-run.ts';
import { watchFrames } from './frame-watch.ts';
import { startGrowingFeed, type GrowingFeed } from './growing-feed.ts';
import { openLiveStage, type LiveStage } from './live-stage.ts';
import { GRID, TWO_PICTURES } from './watch-media.ts';
import { look, until, watchPunctuality, type Seen } from './watch-page.ts';

let stage: LiveStage;
let edge: RunningEdge;
let feed: GrowingFeed;
let pages: readonly Page[];

beforeAll(async () => {
  stage = await openLiveStage(TWO_PICTURES);
}, 90_000);

afterAll(async () => {
  await stage.close();
});

afterEach(async () => {
  await Promise.all(pages.map((page) => page.close()));
  await feed.stop();
  await edge.close();
});

async function goOnAir(channel: string): Promise<void> {
  edge = await runEdge(stage.originUrl, { channels: () => [channel] });
  feed = await startGrowingFeed(stage, { channel, profile: 'low', pastSegments: 5 });
}

/** Opens a page whose player shows the large picture. */
async function open(channel: string, player: string): Promise<Page> {
  const page = await stage.chromium.context.newPage();
  await page.goto(`${edge.url}/watch/${channel}?player=${player}`);
  await until(
    page,
    'the large picture',
    ({ engine, frames, height }) => engine === player && frames > 60 && height === 360,
  );
  return page;
}

/** Whether the large picture is shown, or on offer to dash.js: on a busy machine it may stay below what it has. */
const hasLarge = ({ engine, height, qualities }: Seen): boolean =>
  height === 360 || (engine === 'dash' && qualities.includes(360));

/** Resolves when a page shows the small picture and plays on, with where it was when it did first. */
async function goesOnSmall(page: Page): Promise<number> {
  const small = await until(page, 'the small picture', ({ height }) => height === 180);
  await until(page, 'it to play on', (seen) => seen.frames > small.frames + 90 && !hasLarge(seen));
  return small.currentTime;
}

/** Withholds the large picture and gives it back: every page shows the small one in time, and then has the large one again. */
async function shedAndReturn(): Promise<void> {
  const from = await feed.shed(['v360']);
  const away = await Promise.all(pages.map((page) => goesOnSmall(page)));
  expect(Math.max(...away)).toBeLessThan(from * segmentSeconds(GRID) + 0.5);
  await feed.shed([]);
  await Promise.all(
    pages.map(async (page) => {
      const large = await until(page, 'the large picture again', hasLarge);
      await until(page, 'it to play on', ({ frames }) => frames > large.frames + 60);
    }),
  );
}

test('our own engine in low goes on without a stall, and leaves nothing out', async () => {
  await goOnAir('engine');
  const page = await open('engine', 'engine');
  pages = [page];
  const lateness = await watchPunctuality(page);
  const watch = await watchFrames(page);
  feed.takeLongestDelay();
  const before = await look(page);
  await shedAndReturn();
  const after = await look(page);
  expect(after.lastError).toBeUndefined();
  const { longestJump, largestReturn } = await watch.read();
  expect(largestReturn).toBe(0);
  expect(longestJump).toBeLessThan(segmentSeconds(GRID));
  // What comes later than it is to be shown is waited for: such stalls are this machine's, and say nothing of shedding.
  const distance = Math.min(before.latency ?? 0, after.latency ?? 0);
  const isInTime = feed.takeLongestDelay() + (await lateness()) < distance;
  expect(isInTime ? after.stalls : before.stalls).toBe(before.stalls);
}, 120_000);

test('hls.js and dash.js in low go on', async () => {
  await goOnAir('others');
  pages = await Promise.all(['hls', 'dash'].map((player) => open('others', player)));
  await shedAndReturn();
  const [hls] = await Promise.all(pages.map((page) => look(page)));
  // dash.js stands still when its Representation leaves the MPD, and the page starts it again: ADR 19.
  expect(hls?.lastError).toBeUndefined();
}, 120_000);

test('every player goes on with the small picture when the large one is given up in the middle of a segment', async () => {
  await goOnAir('given-up');
  pages = await Promise.all(['engine', 'hls', 'dash'].map((player) => open('given-up', player)));
  await feed.giveUp(['v360']);
  await Promise.all(pages.map((page) => goesOnSmall(page)));
}, 120_000);
