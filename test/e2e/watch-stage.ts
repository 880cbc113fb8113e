/** Where the watch page is tried: Chromium, and for each test an origin of its own, an edge before it and a page. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { startChromium, type Chromium } from '../helpers/chromium.ts';
import { runEdge, type RunningEdge } from '../integration/edge-run.ts';
import { makeWatchMedia, type WatchMedia } from './watch-media.ts';
import { startWatchOrigin, type WatchOrigin } from './watch-origin.ts';
import { ensurePlayerIsBuilt, noteMistakes } from './watch-page.ts';

/** What the test that is running has. */
export interface WatchStage {
  readonly origin: WatchOrigin;
  readonly edge: RunningEdge;
  readonly page: Page;
}

/** Sets it up around the tests of a file, which must have made no mistake in their page. */
export function useWatchStage(): WatchStage {
  let media: WatchMedia;
  let chromium: Chromium;
  let origin: WatchOrigin;
  let edge: RunningEdge;
  let page: Page;
  let mistakes: readonly string[];

  beforeAll(async () => {
    ensurePlayerIsBuilt();
    [media, chromium] = await Promise.all([
      makeWatchMedia(),
      startChromium({ width: 800, height: 600 }),
    ]);
  }, 60_000);

  afterAll(async () => {
    await chromium.close();
  });

  beforeEach(async () => {
    origin = await startWatchOrigin(media);
    edge = await runEdge(origin.url, { channels: () => ['main'] });
    page = await chromium.context.newPage();
    mistakes = noteMistakes(page);
  });

  afterEach(async () => {
    await page.close();
    await edge.close();
    await origin.close();
    expect(mistakes).toEqual([]);
  });

  return {
    get origin() {
      return origin;
    },
    get edge() {
      return edge;
    },
    get page() {
      return page;
    },
  };
}

/** What a part of the page says. */
export const textOf = (page: Page, name: string): Promise<string> =>
  page.locator(`[data-part="${name}"]`).innerText();
