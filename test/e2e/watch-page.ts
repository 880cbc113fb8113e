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
