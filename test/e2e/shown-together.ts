/** Which frames several pictures of a page show at the same moment. */
import type { Page } from 'playwright-core';

/** The frames of one picture: when each was expected on the screen, milliseconds, and its media time, seconds. */
export type Shown = readonly (readonly [at: number, mediaTime: number])[];

/** What {@link compare} finds. */
export interface Together {
  /** Shares of the time in which the pictures are 0, 1, 2… frames apart. */
  readonly shares: readonly number[];
  /** The longest time for which one of them stood still, milliseconds. */
  readonly longestStandstill: number;
  /** Time looked at, milliseconds. */
  readonly duration: number;
}

const LOOK_MS = 5;

/** `requestVideoFrameCallback` (WICG) tells each frame that reaches the screen. */
const WATCH = `(() => {
  window.__shown = [...document.querySelectorAll('.tile video')].map((video) => {
    const rows = [];
    const onFrame = (_now, { expectedDisplayTime, mediaTime }) => {
      rows.push([expectedDisplayTime, mediaTime]);
      video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
    return rows;
  });
})()`;

/** Begins to note what all pictures show. */
export async function watchTogether(page: Page): Promise<() => Promise<readonly Shown[]>> {
  await page.evaluate(WATCH);
  return async () =>
    JSON.parse(await page.evaluate<string>('JSON.stringify(__shown)')) as readonly Shown[];
}

/**
 * Compares them.
 * @param fps frames a second
 */
export function compare(shown: readonly Shown[], fps: number): Together {
  const from = Math.max(...shown.map((rows) => rows[0]?.[0] ?? 0));
  const to = Math.min(...shown.map((rows) => rows.at(-1)?.[0] ?? 0));
  const next = shown.map(() => 0);
  const counts: number[] = [];
  let looks = 0;
  for (let t = from; t < to; t += LOOK_MS) {
    const times = shown.map((rows, i) => {
      let at = next[i] ?? 0;
      while ((rows[at + 1]?.[0] ?? Number.POSITIVE_INFINITY) <= t) {
        at += 1;
      }
      next[i] = at;
      return rows[at]?.[1] ?? Number.NaN;
    });
    const frames = Math.round((Math.max(...times) - Math.min(...times)) * fps);
    counts[frames] = (counts[frames] ?? 0) + 1;
    looks += 1;
  }
  const pauses = shown.flatMap((rows) => rows.slice(1).map(([at], i) => at - (rows[i]?.[0] ?? at)));
  return {
    shares: Array.from({ length: counts.length }, (_, frames) => (counts[frames] ?? 0) / looks),
    longestStandstill: pauses.reduce((longest, pause) => Math.max(longest, pause), 0),
    duration: to - from,
  };
}

/** In so long a machine that is short of a core gets some frame of each picture onto the screen in time, milliseconds. */
const WINDOW_MS = 500;

/** A picture's media time against the screen's clock, seconds, in each window: that of the frame that was the most punctual. */
function standings(shown: Shown): ReadonlyMap<number, number> {
  const best = new Map<number, number>();
  for (const [at, mediaTime] of shown) {
    const window = Math.floor(at / WINDOW_MS);
    best.set(window, Math.max(best.get(window) ?? Number.NEGATIVE_INFINITY, mediaTime - at / 1000));
  }
  return best;
}

/**
 * How far two pictures are apart in media time, window by window, as their punctual frames tell: one that a busy machine left
 * out, or brought late, says nothing.
 * @param fps frames a second
 * @returns frames, for each half a second in which both showed something
 */
export function framesApart(first: Shown, second: Shown, fps: number): number[] {
  const others = standings(second);
  return [...standings(first)].flatMap(([window, standing]) => {
    const other = others.get(window);
    return other === undefined ? [] : [Math.abs(standing - other) * fps];
  });
}
