/**
 * Our own engine in Chromium, on a real origin behind a real edge, fed with real fragments at the pace of the grid.
 *
 * @takes-seconds 45
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { edgeService, runEdge, type RunningEdge } from '../integration/edge-run.ts';
import { startGrowingFeed, type GrowingFeed } from './growing-feed.ts';
import { openLiveStage, type LiveStage } from './live-stage.ts';
import { openNarrowWay, type NarrowWay } from './narrow-way.ts';
import { TWO_PICTURES } from './watch-media.ts';
import { look, noteMistakes, until } from './watch-page.ts';

let stage: LiveStage;
let edge: RunningEdge;
let other: RunningEdge | undefined;
let way: NarrowWay | undefined;
let feed: GrowingFeed;
let page: Page;
let mistakes: readonly string[];
let channels = 0;

beforeAll(async () => {
  stage = await openLiveStage(TWO_PICTURES);
}, 90_000);

afterAll(async () => {
  await stage.close();
});

beforeEach(async () => {
  channels += 1;
  page = await stage.chromium.context.newPage();
  mistakes = noteMistakes(page);
  edge = await runEdge(stage.originUrl, {
    channels: () => [`e${channels}`],
    services: () => (other === undefined ? [] : [edge, other].map(serviceOf)),
  });
});

/** As the directory of edges hears of one. */
const serviceOf = ({ url }: RunningEdge, i: number): string =>
  JSON.stringify({
    ...(JSON.parse(edgeService()) as object),
    id: `local.host.0${i}a`,
    url,
    detail: { edge: `local.host.0${i}a`, url },
  });

afterEach(async () => {
  await page.close();
  await feed.stop();
  await edge.close();
  await other?.close();
  other = undefined;
  await way?.close();
  way = undefined;
  expect(mistakes).toEqual([]);
});

const start = async (profile: 'low' | 'instant', query = ''): Promise<void> => {
  const channel = `e${channels}`;
  feed = await startGrowingFeed(stage, { channel, profile, pastSegments: 5 });
  await page.goto(`${(way ?? edge).url}/watch/${channel}${query}`);
};

/** What counts as standing near the clock: our fragments come within 0.1 s, and half a second is granted for a slow machine. */
const NEAR_BY_PROFILE = { instant: 1, low: 2.3 } as const;
const NEAR = NEAR_BY_PROFILE.instant;

describe.each(['instant', 'low'] as const)('our own engine in %s', (profile) => {
  test('plays by itself, near the clock, goes back and returns, and plays to the end', async () => {
    await start(profile);
    const near = NEAR_BY_PROFILE[profile];
    const live = await until(
      page,
      'the broadcast to play near the clock',
      ({ frames, latency = near }) => frames > 60 && latency < near,
    );
    expect(live).toMatchObject({ engine: 'engine', state: 'live', isAtLive: true });

    await page.keyboard.press('ArrowLeft');
    const { frames } = await until(
      page,
      'what was before',
      ({ isAtLive, latency = 0 }) => !isAtLive && latency > 5,
    );
    const back = await until(page, 'it to play there', (seen) => seen.frames > frames + 30);
    expect(back).toMatchObject({ state: 'live', isAtLive: false });
    await page.keyboard.press('l');
    await until(page, 'live again', ({ isAtLive, latency = near }) => isAtLive && latency < near);

    await feed.end();
    await until(page, 'the end', ({ state }) => state === 'ended');
    expect((await look(page)).lastError).toBeUndefined();
  });
});

describe('our own engine', () => {
  test('holds a greater distance while fragments come later', async () => {
    await start('instant');
    await until(
      page,
      'the broadcast to play',
      ({ frames, latency }) => frames > 60 && latency !== undefined,
    );
    feed.setLateness(1_200);
    const { frames } = await until(
      page,
      'the greater distance',
      ({ latency = 0, state }) => state === 'live' && latency > 1.2,
    );
    await until(page, 'it to play there', (seen) => seen.frames > frames + 60);
    expect((await look(page)).lastError).toBeUndefined();
  });

  test('goes down where the network does not carry its rendition, and plays on near the clock', async () => {
    way = await openNarrowWay(edge.url);
    await start('instant');
    await until(page, 'the large picture', ({ frames, height }) => frames > 60 && height === 360);
    // Sound and the small picture have 380 kb/s together, with the large one 730.
    way.carry(480_000 / 8);
    const { frames } = await until(page, 'the small picture', ({ height }) => height === 180);
    await until(
      page,
      'it to play on',
      (seen) => seen.frames > frames + 90 && seen.isAtLive && (seen.latency ?? NEAR * 3) < NEAR * 3,
    );
    expect((await look(page)).lastError).toBeUndefined();
  });

  test('goes on at another edge when its own dies, and with the next broadcast when one ends', async () => {
    other = await runEdge(stage.originUrl, { channels: () => [`e${channels}`] });
    await start('instant');
    await until(page, 'the broadcast to play', ({ frames }) => frames > 60);
    const first = await look(page);
    await (first.edge === edge.url ? edge : other).close();
    const moved = await until(page, 'the other edge', (seen) => seen.edge !== first.edge);
    await until(
      page,
      'it to play from there',
      ({ frames, isAtLive }) => isAtLive && frames > moved.frames + 60,
    );
    const after = await look(page);
    expect([after.state, after.lastError]).toEqual(['live', undefined]);

    await feed.end();
    await until(page, 'the end', ({ state }) => state === 'ended');
    await feed.stop();
    feed = await startGrowingFeed(stage, {
      channel: `e${channels}`,
      profile: 'instant',
      pastSegments: 2,
    });
    await until(
      page,
      'the next broadcast to play',
      ({ broadcast, state }) => broadcast === feed.broadcast.broadcast && state === 'live',
    );
  });

  test('leaves the channel to hls.js in a browser that does not let it', async () => {
    await page.addInitScript(`{
      const { addSourceBuffer } = MediaSource.prototype;
      MediaSource.prototype.addSourceBuffer = () => {
        MediaSource.prototype.addSourceBuffer = addSourceBuffer;
        throw new RangeError('not here');
      };
    }`);
    await start('low', '?player=engine');
    const seen = await until(
      page,
      'hls.js to play',
      ({ engine, state }) => engine === 'hls' && state === 'live',
    );
    expect(seen.lastError).toBe('not here');
  });
});
