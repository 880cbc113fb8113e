/**
 * The watch page in Chromium, by both engines: before, during and after a broadcast, and over an outage.
 *
 * @takes-seconds 110
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { faultsOf } from '../helpers/axe.ts';
import { startChromium, type Chromium } from '../helpers/chromium.ts';
import { eventually } from '../helpers/poll.ts';
import { runEdge, type RunningEdge } from '../integration/edge-run.ts';
import { watchFrames, type FramesSeen } from './frame-watch.ts';
import { makeWatchMedia, type WatchMedia } from './watch-media.ts';
import { ensurePlayerIsBuilt, look, until } from './watch-page.ts';
import { startWatchOrigin, type WatchOrigin } from './watch-origin.ts';

let media: WatchMedia;
let chromium: Chromium;
let origin: WatchOrigin;
let edge: RunningEdge;
let page: Page;
let mistakes: string[];

beforeAll(async () => {
  ensurePlayerIsBuilt();
  media = await makeWatchMedia();
  chromium = await startChromium({ width: 1440, height: 900 });
}, 60_000);

afterAll(async () => {
  await chromium.close();
});

beforeEach(async () => {
  origin = await startWatchOrigin(media);
  edge = await runEdge(origin.url, { channels: () => ['main'] });
  page = await chromium.context.newPage();
  mistakes = [];
  page.on('pageerror', (error) => mistakes.push(error.message));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) {
      mistakes.push(message.text());
    }
  });
});

afterEach(async () => {
  await page.close();
  await edge.close();
  await origin.close();
  expect(mistakes).toEqual([]);
});

/** Chooses in the settings menu. */
async function choose(menu: string, choice: string): Promise<void> {
  // It may still be open from the choice before.
  const item = page.getByRole('menuitem', { name: new RegExp(`^${menu}`) });
  if (!(await item.isVisible())) {
    await page.locator('[data-part="settings"]').click();
  }
  await item.click();
  await page.getByRole('menuitemradio', { name: choice, exact: true }).click();
}

const text = (name: string): Promise<string> => page.locator(`[data-part="${name}"]`).innerText();

describe.each(['hls', 'dash'])('the watch page by %s', (engine) => {
  test('waits, starts by itself, goes back and returns to live, ends, replays, and goes over to the next broadcast', async () => {
    await page.goto(`${edge.url}/watch/main?player=${engine}`);
    await until(page, 'the page to wait', ({ state }) => state === 'waiting');
    expect(await text('message-title')).toBe('Not on air yet');

    const first = origin.goOnAir(60);
    const live = await until(page, 'the broadcast to play', (seen) => seen.frames > 30);
    expect(live).toMatchObject({ engine, state: 'live', broadcast: first, muted: true });
    expect(live.isAtLive).toBe(true);
    expect(live.latency).toBeGreaterThan(2);
    expect(live.latency).toBeLessThan(15);
    expect([...live.qualities].sort((a, b) => b - a)).toEqual([720, 360]);
    expect(await text('badge')).toBe('LIVE');

    await page.locator('[data-part="unmute"]').click();
    expect((await look(page)).muted).toBe(false);
    const watch = await watchFrames(page);
    const shown = (what: string, isSo: (seen: FramesSeen) => boolean): Promise<FramesSeen> =>
      eventually(what, async () => {
        const seen = await watch.read();
        return isSo(seen) ? seen : undefined;
      });
    const { mediaTime } = await shown('frames at live', ({ frames }) => frames > 5);
    for (let i = 0; i < 6; i += 1) {
      await page.keyboard.press('ArrowLeft');
    }
    await shown(
      'the picture of a minute ago',
      (seen) => seen.mediaTime > mediaTime - 66 && seen.mediaTime < mediaTime - 45,
    );
    await until(page, 'the past to play', (seen) => !seen.isAtLive && (seen.latency ?? 0) > 55);
    await eventually('the time to say so', async () =>
      /^-(?:0:5|1:0)/.test(await text('time')) ? true : undefined,
    );
    await page.locator('[data-part="live"]').click();
    await shown('the picture of now', (seen) => seen.mediaTime > mediaTime);
    await until(page, 'live again', (seen) => seen.isAtLive && (seen.latency ?? 99) < 15);

    origin.end();
    await until(page, 'the end', ({ state }) => state === 'ended');
    await page.getByRole('button', { name: 'Watch the recording' }).click();
    const replay = await until(page, 'the recording', (seen) => seen.frames > 10);
    expect(replay).toMatchObject({ state: 'recording', broadcast: first });
    expect(replay.latency).toBeUndefined();

    const second = origin.goOnAir(5);
    await page.getByRole('button', { name: 'Watch live' }).click();
    await until(
      page,
      'the next broadcast',
      (seen) => seen.broadcast === second && seen.frames > 10,
    );
    origin.end();
    await until(page, 'the next end', ({ state }) => state === 'ended');
    const third = origin.goOnAir(8);
    await until(
      page,
      'the third by itself',
      (seen) => seen.broadcast === third && seen.frames > 10,
    );
  }, 120_000);

  test('starts with the broadcast itself, wherever on the sound grid that is', async () => {
    await page.goto(`${edge.url}/watch/main?player=${engine}`);
    // Every fourth segment of sound begins exactly with its picture.
    const first = origin.goOnAir(1, 4);
    const seen = await until(page, 'the broadcast to play', ({ frames }) => frames > 30);
    expect(seen).toMatchObject({ state: 'live', broadcast: first });
  }, 60_000);

  test('plays on over an outage of the origin', async () => {
    origin.goOnAir(30);
    await page.goto(`${edge.url}/watch/main?player=${engine}`);
    // Between two segments the buffer falls from six seconds to four: the outage begins with enough in it to be seen.
    const before = await until(
      page,
      'the broadcast to play',
      (seen) => seen.frames > 30 && seen.bufferAhead > 4.5,
    );
    origin.setDown(true);
    await until(page, 'the buffer to be used', (seen) => seen.currentTime > before.currentTime + 4);
    origin.setDown(false);
    const after = await until(page, 'more', (seen) => seen.currentTime > before.currentTime + 12);
    expect(after).toMatchObject({ state: 'live', engine });
  }, 60_000);
});

test('quality and engine are chosen in the menu and the engine is remembered', async () => {
  origin.goOnAir(30);
  await page.goto(`${edge.url}/watch/main`);
  await until(page, 'the broadcast to play', (seen) => seen.frames > 30 && seen.height === 720);
  for (const height of [360, 720]) {
    await choose('Quality', `${height}p`);
    await until(page, `${height} lines on the screen`, (seen) => seen.height === height);
    expect(await page.evaluate<string>(`__touchline.stats().chosen`)).not.toBe('auto');
  }
  await choose('Stream', 'DASH');
  await until(page, 'the other engine', (seen) => seen.engine === 'dash' && seen.frames > 30);
  await page.reload();
  await until(page, 'the engine again', (seen) => seen.engine === 'dash' && seen.frames > 10);
  await page.evaluate('localStorage.clear()');
}, 60_000);

test('keys play, mute and pause; the embed has the same player alone', async () => {
  origin.goOnAir(30);
  await page.goto(`${edge.url}/embed/main`);
  await until(page, 'the broadcast to play', (seen) => seen.frames > 30);
  expect(await page.locator('header').count()).toBe(0);
  await page.keyboard.press('k');
  await until(page, 'a pause', ({ paused }) => paused);
  await page.keyboard.press(' ');
  await until(page, 'no pause', ({ paused }) => !paused);
  await page.keyboard.press('m');
  expect((await look(page)).muted).toBe(false);
  await page.evaluate('localStorage.clear()');
}, 60_000);

test.each(['watch', 'embed'])(
  'the %s page has no serious fault for those who see, hear or use it otherwise',
  async (kind) => {
    for (const width of [1440, 390]) {
      await page.setViewportSize({ width, height: 844 });
      await page.goto(`${edge.url}/${kind}/main`);
      await until(page, 'the page to wait', ({ state }) => state === 'waiting');
      expect(await faultsOf(page)).toEqual([]);
    }
    origin.goOnAir(30);
    for (const width of [1440, 390]) {
      await page.setViewportSize({ width, height: 844 });
      await page.goto(`${edge.url}/${kind}/main`);
      await until(page, 'the broadcast to play', (seen) => seen.frames > 10);
      expect(await faultsOf(page)).toEqual([]);
      await page.locator('[data-part="settings"]').click();
      expect(await faultsOf(page)).toEqual([]);
    }
  },
  60_000,
);

test('a channel that does not exist is told from one that is not on air, and servers from none', async () => {
  const response = await page.goto(`${edge.url}/watch/nobody`);
  expect(response?.status()).toBe(404);
  await until(page, 'the page to wait', ({ state }) => state === 'waiting');
  expect(await text('message-title')).toBe('There is no such channel');
  await origin.close();
  await edge.close();
  await eventually('the servers to be missed', async () =>
    (await text('message-title')) === 'Our servers cannot be reached' ? true : undefined,
  );
  await until(page, 'trouble', ({ state }) => state === 'trouble');
}, 60_000);

test('fits a window of 390 pixels without scrolling sideways', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${edge.url}/watch/main`);
  await until(page, 'the page to wait', ({ state }) => state === 'waiting');
  const width = await page.evaluate<number>('document.documentElement.scrollWidth');
  const box = await page.locator('[data-part="player"]').boundingBox();
  expect(width).toBe(390);
  expect(box).toMatchObject({ x: 0, width: 390 });
}, 30_000);
