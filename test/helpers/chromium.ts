/** Headless Chromium, found on the machine, in a folder of its own. */
import { access, constants, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';
import { PATIENCE } from '../../scripts/jest/patience.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

/** What a page is given to become as a test expects it, on a quiet machine. */
const STEP_MS = 30_000;

/** A running browser. */
export interface Chromium {
  /** A window of its own, with its own storage. */
  readonly context: BrowserContext;
  readonly close: () => Promise<void>;
}

/** The first of the usual names that is in PATH. */
export async function findChromium(): Promise<string> {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  for (const name of NAMES) {
    for (const folder of folders) {
      const file = path.join(folder, name);
      try {
        await access(file, constants.X_OK);
        return file;
      } catch {
        // Not here.
      }
    }
  }
  throw new Error(`no Chromium in PATH (looked for ${NAMES.join(', ')}): npm run doctor`);
}

/** Starts Chromium; it ends, and its folder goes, with `close`. */
export async function startChromium(
  viewport: { readonly width: number; readonly height: number } = { width: 1280, height: 720 },
  options: { readonly hasTouch?: boolean } = {},
): Promise<Chromium> {
  const executablePath = await findChromium();
  const folder = await mkdtemp(path.join(os.tmpdir(), 'touchline-chromium-'));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath,
    headless: true,
    args: FLAGS,
    viewport: { ...viewport },
    hasTouch: options.hasTouch ?? false,
  });
  context.setDefaultTimeout(PATIENCE * STEP_MS);
  return {
    context,
    close: async () => {
      await context.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
