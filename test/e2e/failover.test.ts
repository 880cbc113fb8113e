/**
 * Two edges and a viewer in Chromium: who is asked, who is remembered, and what is seen when the one in use dies.
 *
 * @takes-seconds 35
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { startChromium, type Chromium } from '../helpers/chromium.ts';
import { eventually } from '../helpers/poll.ts';
import { freePort, startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { startEdgeProcess, type EdgeProcess } from './edge-process.ts';
import { watchFrames, type FrameWatch, type FramesSeen } from './frame-watch.ts';
import { makeWatchMedia } from './watch-media.ts';
import { startWatchOrigin, type WatchOrigin } from './watch-origin.ts';

let folder: string;
let redis: TestRedis;
let chromium: Chromium;
let origin: WatchOrigin;
let ports: readonly [number, number];
let a: EdgeProcess;
let b: EdgeProcess;
/** Addresses asked for by pages, in order. */
const asked: string[] = [];

const start = (letter: 'a' | 'b', port: number): Promise<EdgeProcess> =>
  startEdgeProcess({
    id: `local.host.01${letter}`,
    port,
    upstream: origin.url,
    redisUrl: redis.url,
    dataDir: folder,
  });

/** Ids that the directory names, as an edge tells it. */
async function namedBy(edge: EdgeProcess): Promise<readonly string[]> {
  const answer = await fetch(`${edge.url}/v1/edges/nearest?channel=main`);
  const { edges } = (await answer.json()) as { edges: readonly { id: string }[] };
  return edges.map(({ id }) => id);
}

const untilNamed = (edge: EdgeProcess, ids: readonly string[]): Promise<true> =>
  eventually(`the directory to name ${ids.join()}`, async () =>
    (await namedBy(edge)).join() === ids.join() ? true : undefined,
  );

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'touchline-failover-'));
  redis = await startRedis();
  origin = await startWatchOrigin(await makeWatchMedia());
  ports = [await freePort(), await freePort()];
  [a, b, chromium] = await Promise.all([
    start('a', ports[0]),
    start('b', ports[1]),
    startChromium({ width: 800, height: 600 }),
  ]);
  origin.goOnAir(30);
  await untilNamed(a, [a.id, b.id]);
}, 60_000);

afterAll(async () => {
  await chromium.close();
  await Promise.all([a.kill(), b.kill()]);
  await origin.close();
  await redis.close();
  await rm(folder, { recursive: true, force: true });
});

const until = (
  what: string,
  watch: FrameWatch,
  isSo: (seen: FramesSeen) => boolean,
): Promise<FramesSeen> =>
  eventually(what, async () => {
    const seen = await watch.read();
    return isSo(seen) ? seen : undefined;
  });

/** Opens the page at an edge and waits for the picture. */
async function visit(edge: EdgeProcess): Promise<{ page: Page; watch: FrameWatch }> {
  const page = await chromium.context.newPage();
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`${edge.url}/watch/main`);
  const watch = await watchFrames(page);
  await until('the picture', watch, ({ frames }) => frames > 5);
  return { page, watch };
}

const directoryAsked = (): number => asked.filter((url) => url.includes('/v1/edges/')).length;
const segmentsFrom = (edge: EdgeProcess): number =>
  asked.filter((url) => url.startsWith(edge.url) && url.endsWith('.m4s')).length;

/** What is buffered cannot last so long: a picture this far on came from the other edge. */
const BEYOND_BUFFER_SECONDS = 12;

/** Kills the edge in use, and watches the picture go on. */
async function killAndWatch(watch: FrameWatch, edge: EdgeProcess): Promise<FramesSeen> {
  await watch.begin();
  const { mediaTime } = await watch.read();
  await edge.kill();
  return until(
    'the picture from the other edge',
    watch,
    (seen) => seen.mediaTime > mediaTime + BEYOND_BUFFER_SECONDS,
  );
}

test('viewers ask the directory once over three visits, and go on from the other edge when theirs is killed', async () => {
  for (let count = 0; count < 2; count += 1) {
    const { page } = await visit(a);
    await page.close();
  }
  const { page, watch } = await visit(a);
  expect(directoryAsked()).toBe(1);
  expect([segmentsFrom(a) > 0, segmentsFrom(b)]).toEqual([true, 0]);
  await page.evaluate('window.__loadedOnce = true');

  const byHls = await killAndWatch(watch, a);
  expect(byHls.longestPause).toBeLessThan(3);
  expect(byHls.longestJump).toBeLessThan(3);
  expect(byHls.largestReturn).toBe(0);
  expect(segmentsFrom(b)).toBeGreaterThan(0);
  await untilNamed(b, [b.id]);

  // The player not loaded so far comes from the edge that is alive, not from the one that served the page.
  await page.locator('[data-part="settings"]').click();
  await page.getByRole('menuitem', { name: /^Stream/ }).click();
  await page.getByRole('menuitemradio', { name: 'DASH' }).click();
  await eventually('the other player', async () =>
    (await page.evaluate('__touchline.engine')) === 'dash' ? true : undefined,
  );
  await until('its picture', watch, ({ height }) => height > 0);
  await watch.begin();
  await until('its frames', watch, ({ frames }) => frames > 30);

  a = await start('a', ports[0]);
  await untilNamed(a, [a.id, b.id]);
  const byDash = await killAndWatch(watch, b);
  expect(byDash.longestPause).toBeLessThan(3);
  expect(byDash.longestJump).toBeLessThan(3);
  expect(byDash.largestReturn).toBe(0);

  // Never loaded anew, and the next visit knows which edge is alive.
  expect(await page.evaluate('window.__loadedOnce')).toBe(true);
  const kept = await page.evaluate<string>(`localStorage.getItem('touchline.edges')`);
  expect(JSON.parse(kept)).toMatchObject({ current: a.url });
}, 150_000);
