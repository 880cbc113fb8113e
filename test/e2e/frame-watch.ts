/** What a viewer sees: every frame that reaches the screen, with the moment and the media time of it. */
import type { Page } from 'playwright-core';

/** Since the last {@link FrameWatch.begin}. */
export interface FramesSeen {
  readonly frames: number;
  /** Media time of the newest frame, seconds. */
  readonly mediaTime: number;
  /** Longest time between two frames on the screen, and up to now, seconds. */
  readonly longestPause: number;
  /** Largest step forward and backward between two frames in media time, seconds. */
  readonly longestJump: number;
  readonly largestReturn: number;
  readonly width: number;
  readonly height: number;
}

const INSTALL = `(() => {
  const video = document.querySelector('video');
  const seen = window.__frames = { frames: 0, last: undefined, mediaTime: NaN, pause: 0, jump: 0, back: 0, width: 0, height: 0 };
  const onFrame = (now, { mediaTime, width, height }) => {
    if (seen.last !== undefined) {
      seen.pause = Math.max(seen.pause, now - seen.last);
      seen.jump = Math.max(seen.jump, mediaTime - seen.mediaTime);
      seen.back = Math.max(seen.back, seen.mediaTime - mediaTime);
    }
    Object.assign(seen, { frames: seen.frames + 1, last: now, mediaTime, width, height });
    video.requestVideoFrameCallback(onFrame);
  };
  video.requestVideoFrameCallback(onFrame);
})()`;

const READ = `(() => {
  const { frames, last, mediaTime, pause, jump, back, width, height } = window.__frames;
  const longest = Math.max(pause, last === undefined ? 0 : performance.now() - last);
  return JSON.stringify({ frames, mediaTime, longestPause: longest / 1000, longestJump: jump, largestReturn: back, width, height });
})()`;

/** Watches the frames of the page's video element. */
export interface FrameWatch {
  /** Forgets what was measured; what is seen next counts from the newest frame. */
  readonly begin: () => Promise<void>;
  readonly read: () => Promise<FramesSeen>;
}

/** Begins to watch; a page that is loaded anew has to be watched anew. */
export async function watchFrames(page: Page): Promise<FrameWatch> {
  await page.evaluate(INSTALL);
  return {
    begin: async () => {
      await page.evaluate(
        'Object.assign(window.__frames, { frames: 0, pause: 0, jump: 0, back: 0 })',
      );
    },
    read: async () => JSON.parse(await page.evaluate<string>(READ)) as FramesSeen,
  };
}
