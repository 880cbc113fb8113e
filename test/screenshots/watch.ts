/**
 * Pictures of the watch page with the demo on air, for docs/images: `npm run screenshots`. Real pipeline, real player,
 * real Chromium; looked at by whoever changes the page.
 */
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { runOk, words } from '../helpers/child.ts';
import { startChromium } from '../helpers/chromium.ts';
import { startPipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';

const FOLDER = path.join(import.meta.dirname, '../../docs/images');
const MAX_BYTES = 200_000;
/** Enough of a broadcast that the bar has somewhere to go. */
const FRAMES = 250;

/** Takes a picture and keeps it with 256 colours, which is what such a page has. */
async function shoot(page: Page, name: string): Promise<void> {
  const file = path.join(FOLDER, name);
  const palette = '[0]split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none';
  await runOk(
    'ffmpeg',
    [...words`-v error -y -f png_pipe -i pipe:0 -filter_complex`, palette, file],
    {
      input: [await page.screenshot()],
    },
  );
  const { size } = await stat(file);
  process.stdout.write(`${name}: ${size} bytes${size > MAX_BYTES ? ', too many' : ''}\n`);
  if (size > MAX_BYTES) {
    process.exitCode = 1;
  }
}

await mkdir(FOLDER, { recursive: true });
const pipeline = await startPipeline({}, ['--demo']);
const chromium = await startChromium({ width: 1440, height: 900 });
try {
  const page = await chromium.context.newPage();
  await page.goto(`${pipeline.edge}/watch/demo`);
  await eventually(
    'the match to play',
    async () =>
      (await page.evaluate<number>('__touchline.stats().frames')) > FRAMES ? true : undefined,
    { timeoutMs: 240_000 },
  );
  for (const [width, height, pointer] of [
    [1440, 900, [720, 500]],
    [390, 844, [200, 150]],
  ] as const) {
    await page.setViewportSize({ width, height });
    const [x, y] = pointer;
    await page.mouse.move(x, y);
    await page.mouse.move(x + 9, y);
    await page.evaluate('new Promise((done) => setTimeout(done, 600))');
    await shoot(page, `watch-${width}.png`);
  }
} finally {
  await chromium.close();
  await pipeline.close();
}
