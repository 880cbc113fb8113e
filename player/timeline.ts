/** Arithmetic and words of the time line: pure functions. */

/** A stretch of media time in seconds. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Nearer than this to the live position counts as live: a segment and the wobble of catching up. */
export const LIVE_TOLERANCE_SECONDS = 4;

/** `3:07` or `1:02:03`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const two = (value: number): string => String(value).padStart(2, '0');
  const rest = two(whole % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/** Whether someone at `time` is watching live. */
export const isAtLive = (time: number, livePosition: number): boolean =>
  livePosition - time < LIVE_TOLERANCE_SECONDS;

/** A channel id as a title: `cup-final` becomes `Cup final`. */
export function titleOf(channel: string): string {
  const words = channel.replaceAll('-', ' ').trim();
  return words === '' ? channel : words.charAt(0).toUpperCase() + words.slice(1);
}
