/** A viewer in Chromium: the watch page of an edge, or a bare page with somebody else's player as it comes. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { BrowserContext, Page } from 'playwright-core';
import { eventually } from '../../test/helpers/poll.ts';
import { parseRecorded, READ_RECORDER, RECORDER, type Recorded } from './recorder.ts';

/** Who plays. `engine` (our own), `hls` and `dash` are engines of the watch page; `hls.js` and `dash.js` play on a page without anything else. */
export const PLAYERS = ['engine', 'hls', 'dash', 'hls.js', 'dash.js'] as const;
/** See {@link PLAYERS}. */
export type Player = (typeof PLAYERS)[number];

const require = createRequire(import.meta.url);

/** What a bare page needs: a script, and what a click does. */
const BARE = {
  'hls.js': {
    script: 'hls.js/dist/hls.min.js',
    play: (base: string) =>
      `const hls = new Hls(); hls.loadSource('${base}.m3u8'); hls.attachMedia(video); video.play();`,
  },
  'dash.js': {
    script: 'dashjs',
    play: (base: string) => `dashjs.MediaPlayer().create().initialize(video, '${base}.mpd', true);`,
  },
} as const;

const isBare = (player: Player): player is keyof typeof BARE => player in BARE;

/** A page that plays. */
export interface Viewer {
  /** What it has noted so far. */
  readonly read: () => Promise<Recorded>;
  /** What went wrong in the page. */
  readonly complaints: readonly string[];
  readonly close: () => Promise<void>;
}

/**
 * Opens a page, loads the player, and clicks. The watch page plays by itself: it is measured from its opening.
 * @param edge base address of the edge
 * @throws Error when the page does not have the player
 */
export async function openViewer(
  context: BrowserContext,
  edge: string,
  channel: string,
  player: Player,
): Promise<Viewer> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.addInitScript(RECORDER);
  try {
    await (isBare(player)
      ? openBare(page, edge, channel, player)
      : openWatchPage(page, edge, channel, player));
  } catch (error) {
    await page.close();
    throw error;
  }
  return {
    complaints,
    read: async () => parseRecorded(await page.evaluate<string>(READ_RECORDER)),
    close: async () => {
      await page.close();
    },
  };
}

/** The page's policy forbids what playwright's own waiting would evaluate in it. */
async function firstPicture(page: Page): Promise<void> {
  await eventually(
    'the first picture',
    async () =>
      (await page.evaluate<number>(`window.__glass.rows.length`)) > 0 ? true : undefined,
    { timeoutMs: 60_000 },
  );
}

async function openWatchPage(
  page: Page,
  edge: string,
  channel: string,
  player: Player,
): Promise<void> {
  await page.goto(`${edge}/watch/${channel}?player=${player}`);
  await firstPicture(page);
  const engine = await page.evaluate<string>(`window.__touchline.engine`);
  if (engine !== player) {
    const reason = await page.evaluate<string>(`window.__touchline.stats().lastError ?? ''`);
    throw new Error(`the watch page plays by '${engine}', not by '${player}': ${reason}`);
  }
}

async function openBare(
  page: Page,
  edge: string,
  channel: string,
  player: keyof typeof BARE,
): Promise<void> {
  const { script, play } = BARE[player];
  // Of the edge's own origin, so that the browser tells when objects were fetched.
  const address = `${edge}/bare`;
  await page.route(address, (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: '<!doctype html><title>bare</title><video muted playsinline></video>',
    }),
  );
  await page.goto(address);
  await page.addScriptTag({ content: await readFile(require.resolve(script), 'utf8') });
  await page.evaluate(
    `(() => {
      const video = document.querySelector('video');
      window.__glass.clicked = performance.now();
      ${play(`/live/${channel}/index`)}
    })()`,
  );
  await firstPicture(page);
}
