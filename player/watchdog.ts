/** Notices playback that stands still although it should run. */

const CHECK_MS = 1_000;
/** Longer than the origin holds a request for a segment that is late. */
const STILL_MS = 15_000;

/** Calls back each time playback has not moved for too long. */
export function createWatchdog(video: HTMLVideoElement, onStill: () => void): void {
  let lastTime = -1;
  let lastMove = performance.now();
  setInterval(() => {
    const now = performance.now();
    const isExpectedToMove = !video.paused && !video.ended && document.visibilityState === 'visible';
    if (!isExpectedToMove || video.currentTime !== lastTime) {
      lastTime = video.currentTime;
      lastMove = now;
    } else if (now - lastMove > STILL_MS) {
      lastMove = now;
      onStill();
    }
  }, CHECK_MS);
}
