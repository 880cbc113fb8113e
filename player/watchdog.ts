/** Notices playback that stands still although it should run. */

const CHECK_MS = 1_000;
/** Longer than the origin holds a request for a segment that is late. */
const STILL_MS = 15_000;

/**
 * Calls back each time playback has not moved for too long.
 * @param isStarting the first frames are on their way; not having any yet is then standing still too
 */
export function createWatchdog(
  video: HTMLVideoElement,
  isStarting: () => boolean,
  onStill: () => void,
): void {
  let lastTime = -1;
  let lastMove = performance.now();
  setInterval(() => {
    const now = performance.now();
    const isLoading = isStarting() && video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    const isExpectedToMove =
      document.visibilityState === 'visible' && (isLoading || (!video.paused && !video.ended));
    if (!isExpectedToMove || video.currentTime !== lastTime) {
      lastTime = video.currentTime;
      lastMove = now;
    } else if (now - lastMove > STILL_MS) {
      lastMove = now;
      onStill();
    }
  }, CHECK_MS);
}
