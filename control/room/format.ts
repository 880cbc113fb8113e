/** Figures as operators read them. What is not known is a dash. Pure. */

/** What stands for a figure that is not known. */
export const UNKNOWN = '–';

type Maybe = number | null | undefined;

const known = (value: Maybe, show: (value: number) => string): string =>
  value === null || value === undefined || !Number.isFinite(value) ? UNKNOWN : show(value);

/** Bits per second. */
export const formatBitrate = (bps: Maybe): string =>
  known(bps, (value) =>
    value >= 1e9
      ? `${(value / 1e9).toFixed(2)} Gb/s`
      : value >= 1e6
        ? `${(value / 1e6).toFixed(2)} Mb/s`
        : `${Math.round(value / 1e3)} kb/s`,
  );

/** Frames per second. */
export const formatFps = (fps: Maybe): string => known(fps, (value) => `${value.toFixed(2)} fps`);

/** Seconds with a tenth. */
export const formatSeconds = (seconds: Maybe): string =>
  known(seconds, (value) => `${value.toFixed(1)} s`);

/** Milliseconds, as seconds with a tenth. */
export const formatLag = (ms: Maybe): string => known(ms, (value) => formatSeconds(value / 1000));

/** How far behind somebody is, milliseconds, as the watch page has it: under two seconds with hundredths. */
export const formatDelay = (ms: Maybe): string =>
  known(ms, (value) => `${(value / 1000).toFixed(value < 2000 ? 2 : 1)} s`);

/** A count of things. */
export const formatCount = (count: Maybe): string =>
  known(count, (value) => value.toLocaleString('en-US'));

/** A segment number: a name, so without separators. */
export const formatNumber = (n: Maybe): string => known(n, String);

/** How long something has been going on: `1:02:03`. */
export const formatDuration = (ms: Maybe): string =>
  known(ms, (value) => {
    const seconds = Math.max(0, Math.floor(value / 1000));
    const two = (part: number): string => String(part).padStart(2, '0');
    const minutes = Math.floor(seconds / 60) % 60;
    const hours = Math.floor(seconds / 3600);
    return hours > 0
      ? `${hours}:${two(minutes)}:${two(seconds % 60)}`
      : `${minutes}:${two(seconds % 60)}`;
  });

/** How old something is, roughly: `0.4 s`, `12 s`, `3 min`, `2 h`, `4 d`. */
export const formatAge = (ms: Maybe): string =>
  known(ms, (value) => {
    const seconds = Math.max(0, value) / 1000;
    if (seconds < 9.95) {
      return `${seconds.toFixed(1)} s`;
    }
    if (seconds < 90) {
      return `${Math.round(seconds)} s`;
    }
    if (seconds < 90 * 60) {
      return `${Math.round(seconds / 60)} min`;
    }
    return seconds < 36 * 3600
      ? `${Math.round(seconds / 3600)} h`
      : `${Math.round(seconds / 86_400)} d`;
  });

/** A share of one, in per cent. */
export const formatRatio = (ratio: Maybe): string =>
  known(ratio, (value) => `${(value * 100).toFixed(1)} %`);

/** Things a second. */
export const formatRate = (perSecond: Maybe): string =>
  known(perSecond, (value) => `${value < 100 ? value.toFixed(1) : Math.round(value)}/s`);

/** Times real time. */
export const formatSpeed = (speed: Maybe): string =>
  known(speed, (value) => `${value.toFixed(1)}×`);

/** A picture's size. */
export const formatSize = (width: number, height: number): string =>
  width === 0 || height === 0 ? UNKNOWN : `${width}×${height}`;

/** A moment, in the viewer's own manner. */
export const formatMoment = (at: number): string =>
  new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** A time of day, in the viewer's own manner. */
export const formatTime = (at: number): string => new Date(at).toLocaleTimeString();
