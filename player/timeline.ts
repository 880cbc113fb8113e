/** Arithmetic and words of the time line: pure functions. */

/** A stretch of media time in seconds. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Nearer than this to the live position counts as live: a segment and the wobble of catching up. */
const LIVE_TOLERANCE_SECONDS = 4;

/** `3:07` or `1:02:03`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const two = (value: number): string => String(value).padStart(2, '0');
  const rest = two(whole % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/** `3 minutes 7 seconds`, for those who listen to the page. */
export function speakDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(whole / 3600), 'hour'],
    [Math.floor((whole % 3600) / 60), 'minute'],
    [whole % 60, 'second'],
  ];
  const said = parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}${count === 1 ? '' : 's'}`);
  return said.length === 0 ? '0 seconds' : said.join(' ');
}

/** Where a time lies in a stretch, 0 to 1. */
export function fractionOf({ start, end }: Stretch, time: number): number {
  const length = end - start;
  return length > 0 ? Math.min(1, Math.max(0, (time - start) / length)) : 1;
}

/** The time at a fraction of a stretch. */
export const timeAt = ({ start, end }: Stretch, fraction: number): number =>
  start + (end - start) * Math.min(1, Math.max(0, fraction));

/** Whether someone at `time` is watching live. */
export const isAtLive = (time: number, livePosition: number): boolean =>
  livePosition - time < LIVE_TOLERANCE_SECONDS;

/** A channel id as a title: `cup-final` becomes `Cup final`. */
export function titleOf(channel: string): string {
  const words = channel.replaceAll('-', ' ').trim();
  return words === '' ? channel : words.charAt(0).toUpperCase() + words.slice(1);
}
