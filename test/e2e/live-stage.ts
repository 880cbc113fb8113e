/** Where players are tried on air without workers: real media, a real origin that growing feeds are brought to, and Chromium. */
import { startChromium, type Chromium } from '../helpers/chromium.ts';
import { openHarness, type OriginHarness } from '../integration/aggregator-harness.ts';
import { makeWatchMedia, type LadderRung, type WatchMedia } from './watch-media.ts';
import { ensurePlayerIsBuilt } from './watch-page.ts';

/** See the head of this file. */
export interface LiveStage {
  readonly media: WatchMedia;
  readonly chromium: Chromium;
  readonly harness: OriginHarness;
  readonly originUrl: string;
  readonly close: () => Promise<void>;
}

/** Wide enough for the larger picture, and no larger: without a graphics card most of what a page costs is drawing. */
const WINDOW = { width: 640, height: 480 };

/** Builds it, as much at once as there is. */
export async function openLiveStage(
  ladder: readonly LadderRung[],
  window: { readonly width: number; readonly height: number } = WINDOW,
): Promise<LiveStage> {
  ensurePlayerIsBuilt();
  const [media, chromium, harness] = await Promise.all([
    makeWatchMedia(ladder),
    startChromium(window),
    openHarness(true),
  ]);
  return {
    media,
    chromium,
    harness,
    originUrl: await harness.start(),
    close: async () => {
      await chromium.close();
      await harness.close();
    },
  };
}
