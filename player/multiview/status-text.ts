/** How far behind the pitch several pictures are, and whether all show the same moment, in words. Pure. */

/** A frame at 30 a second, the largest step in which pictures can differ without being wrong. */
const FRAME_MS = 1000 / 30;

/**
 * The words.
 * @param times wall-clock times of the pictures that are live, milliseconds
 */
export function statusText(times: readonly number[], now: number): string {
  if (times.length === 0) {
    return '';
  }
  const newest = Math.max(...times);
  const oldest = Math.min(...times);
  const latency = (now - oldest) / 1000;
  const behind = `${latency.toFixed(latency < 2 ? 2 : 1)} s behind the camera`;
  if (times.length === 1) {
    return behind;
  }
  const isSame = newest - oldest < FRAME_MS;
  return `${behind}  ·  ${isSame ? 'all at the same moment' : 'coming together'}`;
}
