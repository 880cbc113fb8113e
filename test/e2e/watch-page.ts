/** What tests see of the watch page: what it tells of itself on `window.__touchline`. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { eventually } from '../helpers/poll.ts';

/** See the head of this file. */
export interface Seen {
  readonly engine: string | undefined;
  readonly edge: string;
  readonly state: string;
  readonly broadcast: number | undefined;
  readonly currentTime: number;
  readonly latency: number | undefined;
  readonly isAtLive: boolean;
  readonly muted: boolean;
  readonly paused: boolean;
  readonly frames: number;
  readonly stalls: number;
  readonly bufferAhead: number;
  readonly height: number;
  readonly qualities: readonly number[];
  readonly lastError: string | undefined;
}

/** Builds the player, if nobody has. */
export function ensurePlayerIsBuilt(): void {
  const player = path.join(import.meta.dirname, '../../player');
  if (!existsSync(path.join(player, 'dist/manifest.json'))) {
    execFileSync(process.execPath, [path.join(player, 'build.mjs')]);
  }
}

/** From now on what goes wrong in a page is noted here: errors nobody caught, and what its security policy refuses. */
export function noteMistakes(page: Page): readonly string[] {
  const mistakes: string[] = [];
  page.on('pageerror', (error) => mistakes.push(error.message));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) {
      mistakes.push(message.text());
    }
  });
  return mistakes;
}

/**
 * Watches how late a page's own clock is: a timer that comes late on a machine without a core to spare is no fault of the
 * player's.
 * @returns tells the longest time so far that it came late by, seconds
 */
export async function watchPunctuality(page: Page): Promise<() => Promise<number>> {
  await page.evaluate(`(() => {
    const EVERY = 20;
    let last = performance.now();
    window.__late = 0;
    setInterval(() => {
      const now = performance.now();
      window.__late = Math.max(window.__late, now - last - EVERY);
      last = now;
    }, EVERY);
  })()`);
  return async () => (await page.evaluate<number>('window.__late')) / 1000;
}

/** What it tells now. */
export const look = async (page: Page): Promise<Seen> =>
  JSON.parse(
    await page.evaluate<string>(
      `JSON.stringify({ engine: __touchline.engine, state: __touchline.state, ...__touchline.stats() })`,
    ),
  ) as Seen;

/** Waits until it tells so. */
export const until = (page: Page, what: string, isSo: (seen: Seen) => boolean): Promise<Seen> =>
  eventually(what, async () => {
    const seen = await look(page);
    return isSo(seen) ? seen : undefined;
  });
