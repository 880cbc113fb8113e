/**
 * The watch page in Chromium: its menu and keys, who uses it otherwise, and what is not there.
 *
 * @takes-seconds 25
 */
import { expect, test } from '@jest/globals';
import { faultsOf } from '../helpers/axe.ts';
import { eventually } from '../helpers/poll.ts';
import { look, until } from './watch-page.ts';
import { textOf, useWatchStage } from './watch-stage.ts';

const stage = useWatchStage();

/** Chooses in the settings menu. */
async function choose(menu: string, choice: string): Promise<void> {
  // It may still be open from the choice before.
  const item = stage.page.getByRole('menuitem', { name: new RegExp(`^${menu}`) });
  if (!(await item.isVisible())) {
    await stage.page.locator('[data-part="settings"]').click();
  }
  await item.click();
  await stage.page.getByRole('menuitemradio', { name: choice, exact: true }).click();
}

test('quality and engine are chosen in the menu and the engine is remembered', async () => {
  stage.origin.goOnAir(30);
  await stage.page.goto(`${stage.edge.url}/watch/main`);
  await until(
    stage.page,
    'the broadcast to play',
    (seen) => seen.frames > 30 && seen.height === 360,
  );
  for (const height of [180, 360]) {
    await choose('Quality', `${height}p`);
    await until(stage.page, `${height} lines on the screen`, (seen) => seen.height === height);
    expect(await stage.page.evaluate<string>(`__touchline.stats().chosen`)).not.toBe('auto');
  }
  await choose('Stream', 'DASH');
  await until(stage.page, 'the other engine', (seen) => seen.engine === 'dash' && seen.frames > 30);
  await stage.page.reload();
  await until(stage.page, 'the engine again', (seen) => seen.engine === 'dash' && seen.frames > 10);
  await stage.page.evaluate('localStorage.clear()');
}, 60_000);

test('keys play, mute and pause; the embed has the same player alone', async () => {
  stage.origin.goOnAir(30);
  await stage.page.goto(`${stage.edge.url}/embed/main`);
  await until(stage.page, 'the broadcast to play', (seen) => seen.frames > 30);
  expect(await stage.page.locator('header').count()).toBe(0);
  await stage.page.keyboard.press('k');
  await until(stage.page, 'a pause', ({ paused }) => paused);
  await stage.page.keyboard.press(' ');
  await until(stage.page, 'no pause', ({ paused }) => !paused);
  await stage.page.keyboard.press('m');
  expect((await look(stage.page)).muted).toBe(false);
  await stage.page.evaluate('localStorage.clear()');
}, 60_000);

test.each(['watch', 'embed'])(
  'the %s page has no serious fault for those who see, hear or use it otherwise',
  async (kind) => {
    for (const width of [1440, 390]) {
      await stage.page.setViewportSize({ width, height: 844 });
      await stage.page.goto(`${stage.edge.url}/${kind}/main`);
      await until(stage.page, 'the page to wait', ({ state }) => state === 'waiting');
      expect(await faultsOf(stage.page)).toEqual([]);
    }
    stage.origin.goOnAir(30);
    for (const width of [1440, 390]) {
      await stage.page.setViewportSize({ width, height: 844 });
      await stage.page.goto(`${stage.edge.url}/${kind}/main`);
      await until(stage.page, 'the broadcast to play', (seen) => seen.frames > 10);
      expect(await faultsOf(stage.page)).toEqual([]);
      await stage.page.locator('[data-part="settings"]').click();
      expect(await faultsOf(stage.page)).toEqual([]);
    }
  },
  60_000,
);

test('a channel that does not exist is told from one that is not on air, and servers from none', async () => {
  const response = await stage.page.goto(`${stage.edge.url}/watch/nobody`);
  expect(response?.status()).toBe(404);
  await until(stage.page, 'the page to wait', ({ state }) => state === 'waiting');
  expect(await textOf(stage.page, 'message-title')).toBe('There is no such channel');
  await stage.origin.close();
  await stage.edge.close();
  await eventually('the servers to be missed', async () =>
    (await textOf(stage.page, 'message-title')) === 'Our servers cannot be reached'
      ? true
      : undefined,
  );
  await until(stage.page, 'trouble', ({ state }) => state === 'trouble');
}, 60_000);

test('fits a window of 390 pixels without scrolling sideways', async () => {
  await stage.page.setViewportSize({ width: 390, height: 844 });
  await stage.page.goto(`${stage.edge.url}/watch/main`);
  await until(stage.page, 'the page to wait', ({ state }) => state === 'waiting');
  const width = await stage.page.evaluate<number>('document.documentElement.scrollWidth');
  const box = await stage.page.locator('[data-part="player"]').boundingBox();
  expect(width).toBe(390);
  expect(box).toMatchObject({ x: 0, width: 390 });
}, 30_000);
