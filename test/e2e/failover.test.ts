/** Two edges and a viewer in Chromium: who is asked, who is remembered, and what is seen when the one in use dies. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { startChromium, type Chromium } from '../helpers/chromium.ts';
import { eventually } from '../helpers/poll.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { startEdgeProcess, type EdgeProcess } from './edge-process.ts';
import { watchFrames, type FrameWatch, type FramesSeen } from './frame-watch.ts';
import { makeWatchMedia, type WatchMedia } from './watch-media.ts';
import { startWatchOrigin, type WatchOrigin } from './watch-origin.ts';

let folder: string;
let media: WatchMedia;
let redis: TestRedis;
let chromium: Chromium;
let origin: WatchOrigin;
let edges: EdgeProcess[];
let page: Page;
/** Addresses asked for by the page, in order. */
let asked: string[];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'touchline-failover-'));
  redis = await startRedis();
  media = await makeWatchMedia();
  chromium = await startChromium({ width: 1280, height: 720 });
}, 60_000);

afterAll(async () => {
  await chromium.close();
  await redis.close();
  await rm(folder, { recursive: true, force: true });
});

const startEdge = (id: string): Promise<EdgeProcess> =>
  startEdgeProcess({ id, upstream: origin.url, redisUrl: redis.url, dataDir: folder });

beforeEach(async () => {
  origin = await startWatchOrigin(media);
  edges = await Promise.all(['local.host.01a', 'local.host.01b'].map(startEdge));
  await eventually('the directory to name both', async () => {
    const answer = await fetch(`${edgeOf('a').url}/v1/edges/nearest?channel=main`);
    const { edges: named } = (await answer.json()) as { edges: readonly unknown[] };
    return named.length === 2 ? true : undefined;
  });
  asked = [];
  page = await openPage();
}, 60_000);

afterEach(async () => {
  await page.evaluate('localStorage.clear()').catch(() => undefined);
  await page.close();
  await Promise.all(edges.map((edge) => edge.kill()));
  await origin.close();
});

function edgeOf(letter: 'a' | 'b'): EdgeProcess {
  const edge = edges.find(({ id }) => id.endsWith(letter));
  if (edge === undefined) {
    throw new Error(`no edge ${letter}`);
  }
  return edge;
}

async function openPage(): Promise<Page> {
  const opened = await chromium.context.newPage();
  opened.on('request', (request) => asked.push(request.url()));
  return opened;
}

const until = (what: string, watch: FrameWatch, isSo: (seen: FramesSeen) => boolean) =>
  eventually(what, async () => {
    const seen = await watch.read();
    return isSo(seen) ? seen : undefined;
  });

/** Opens the page at edge a and waits for the picture. */
async function watchAt(at: Page, query = ''): Promise<FrameWatch> {
  await at.goto(`${edgeOf('a').url}/watch/main${query}`);
  const watch = await watchFrames(at);
  await until('the picture', watch, ({ frames }) => frames > 30);
  return watch;
}

const segmentsFrom = (edge: EdgeProcess): number =>
  asked.filter((url) => url.startsWith(edge.url) && url.endsWith('.m4s')).length;

describe.each(['hls', 'dash'])('by %s', (engine) => {
  test('the edge in use is killed: the picture goes on from the other within 3 s, from the same moment, without a reload', async () => {
    origin.goOnAir(30);
    const watch = await watchAt(page, `?player=${engine}`);
    await page.evaluate('window.__loadedOnce = true');
    expect(segmentsFrom(edgeOf('b'))).toBe(0);
    await watch.begin();
    const before = await watch.read();
    await edgeOf('a').kill();
    // Far beyond whatever was buffered when it died.
    const after = await until(
      'what only b can have sent',
      watch,
      (seen) => seen.mediaTime > before.mediaTime + 20,
    );
    expect(after.longestPause).toBeLessThan(3);
    expect(after.longestJump).toBeLessThan(0.5);
    expect(after.largestReturn).toBe(0);
    expect(segmentsFrom(edgeOf('b'))).toBeGreaterThan(0);
    expect(await page.evaluate('window.__loadedOnce')).toBe(true);
  }, 90_000);
});

test('the player that was not loaded yet comes from the other edge when the first is gone', async () => {
  origin.goOnAir(30);
  const watch = await watchAt(page);
  await edgeOf('a').kill();
  await page.locator('[data-part="settings"]').click();
  await page.getByRole('radio', { name: 'DASH' }).check();
  await eventually('the other engine', async () =>
    (await page.evaluate('__touchline.engine')) === 'dash' ? true : undefined,
  );
  await watch.begin();
  await until('its picture', watch, ({ frames }) => frames > 30);
}, 60_000);

test('three visits ask the directory once, and use its edge; a failed edge is not used by the next visit', async () => {
  origin.goOnAir(30);
  const directory = (): number => asked.filter((url) => url.includes('/v1/edges/nearest')).length;
  for (let visit = 0; visit < 3; visit += 1) {
    await page.close();
    page = await openPage();
    await watchAt(page);
  }
  expect(directory()).toBe(1);
  const kept = await page.evaluate<string>(`localStorage.getItem('touchline.edges')`);
  expect(JSON.parse(kept)).toMatchObject({ current: edgeOf('a').url });

  // The next visit comes by the other edge's page, and still uses the edge it knows.
  await page.evaluate(
    `localStorage.setItem('touchline.edges', localStorage.getItem('touchline.edges').replace('"current":"${edgeOf('a').url}"', '"current":"${edgeOf('b').url}"'))`,
  );
  await page.close();
  page = await openPage();
  asked.length = 0;
  const watch = await watchAt(page);
  expect(directory()).toBe(0);
  expect([segmentsFrom(edgeOf('a')), segmentsFrom(edgeOf('b')) > 0]).toEqual([0, true]);
  await edgeOf('b').kill();
  await watch.begin();
  const { mediaTime } = await watch.read();
  await until('the way back', watch, (seen) => seen.mediaTime > mediaTime + 12);
  const moved = await page.evaluate<string>(`localStorage.getItem('touchline.edges')`);
  expect(JSON.parse(moved)).toMatchObject({ current: edgeOf('a').url });
  await eventually('the directory to be asked again', () =>
    Promise.resolve(directory() === 1 ? true : undefined),
  );
}, 120_000);

test('the directory forgets a dead edge within seconds', async () => {
  await edgeOf('b').kill();
  await eventually(
    'the directory to forget b',
    async () => {
      const answer = await fetch(`${edgeOf('a').url}/v1/edges/nearest?channel=main`);
      const { edges: named } = (await answer.json()) as { edges: readonly { id: string }[] };
      return named.map(({ id }) => id).join() === 'local.host.01a' ? true : undefined;
    },
    { timeoutMs: 10_000 },
  );
}, 30_000);
