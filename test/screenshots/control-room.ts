/** Pictures of the control room with a match on air, for docs/: `npm run screenshots`, or into another folder by `-- folder`. */
import path from 'node:path';
import type { Page } from 'playwright-core';
import { startChromium } from '../helpers/chromium.ts';
import { ADMIN_TOKEN } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { startLiveMatch } from './live-match.ts';
import { writeSmallPng } from './small-png.ts';

const FOLDER = process.argv[2] ?? path.join(import.meta.dirname, '../../docs/images');
/** Long enough for graphs that say something. */
const SECONDS_ON_AIR = 45;

async function keep(page: Page, name: string, fullPage: boolean): Promise<void> {
  await writeSmallPng(await page.screenshot({ fullPage }), path.join(FOLDER, `${name}.png`));
  console.log(`${name}.png`);
}

const match = await startLiveMatch();
const chromium = await startChromium({ width: 1440, height: 1000 });
try {
  const page = await chromium.context.newPage();
  page.on('console', (message) => {
    console.log('console:', message.text());
  });
  page.on('pageerror', (error) => {
    console.log('page error:', error.message);
  });
  await page.goto(match.pipeline.control);
  await page.getByLabel('Admin token').fill(ADMIN_TOKEN);
  await page.getByRole('button', { name: 'Log in' }).click();
  const duration = page.locator(`[data-source="channels/${match.channel}/duration"]`);
  await eventually(
    'graphs to show something',
    async () => {
      const [seconds = 0, minutes = 0] = (await duration.innerText())
        .split(':')
        .map(Number)
        .toReversed();
      return minutes * 60 + seconds >= SECONDS_ON_AIR ? true : undefined;
    },
    { timeoutMs: 90_000 },
  );
  await keep(page, 'control-room-1440', false);
  await page.setViewportSize({ width: 390, height: 844 });
  // The graphs are drawn anew for the width with the next snapshot.
  await page.waitForResponse((response) => response.url().includes('preview.jpg'));
  await keep(page, 'control-room-390', false);
} finally {
  await chromium.close();
  await match.close();
}
