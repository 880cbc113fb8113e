/** How long an answer of the upstream is good, and what viewers are told about it: pure functions. */
import { isBlockingPath, isRecordingPath, isSoundPath } from '#common/contracts/delivery';
import { milliseconds, type Milliseconds } from '#common/time';
import type { MediaKind } from './paths.ts';

/** Never needs to be asked again; only room in the cache decides how long it stays. */
export const FOREVER = milliseconds(Number.POSITIVE_INFINITY);
/** Nothing of this kind is kept. */
export const NEVER = milliseconds(0);

/** A number not made yet may exist a moment later: half a part of the fastest profile would be 100 ms, `standard` can wait longer. */
const NOT_FOUND_MAX = milliseconds(500);
/** Half a segment: a playlist older than that would cost viewers latency. */
const LIVE_MAX = milliseconds(1_000);
/** Without a word of the upstream. */
const LIVE_DEFAULT = milliseconds(500);
/** RFC 8216bis, appendix B: six target durations. Whoever names a segment or part is content with any playlist that has it. */
const BLOCKING_MAX = milliseconds(12_000);
/** A recording's playlist may be asked anew now and then: it can be deleted. */
const RECORDING_MAX = milliseconds(60_000);

const YEAR_SECONDS = 31_536_000;

/** Seconds of `max-age` in a Cache-Control header (RFC 9111 §5.2.2.1); 0 if it forbids keeping, undefined if it says nothing. */
export function maxAgeOf(cacheControl: string | undefined): number | undefined {
  if (cacheControl === undefined) {
    return undefined;
  }
  const directives = cacheControl
    .toLowerCase()
    .split(',')
    .map((part) => part.trim());
  if (directives.some((part) => part === 'no-store' || part === 'private' || part === 'no-cache')) {
    return 0;
  }
  // A shared cache prefers s-maxage (RFC 9111 §5.2.2.10).
  for (const name of ['s-maxage', 'max-age']) {
    const found = directives.find((part) => part.startsWith(`${name}=`));
    const seconds = found === undefined ? Number.NaN : Number(found.slice(name.length + 1));
    if (Number.isInteger(seconds) && seconds >= 0) {
      return seconds;
    }
  }
  return undefined;
}

/**
 * How long an answer may be given again without asking.
 * @param media what was asked for
 * @param key its path; recordings change less often than what is live
 */
export function freshnessOf(
  media: MediaKind,
  key: string,
  status: number,
  cacheControl: string | undefined,
): Milliseconds {
  const said = maxAgeOf(cacheControl);
  if (status === 404) {
    return milliseconds(Math.min(NOT_FOUND_MAX, (said ?? 1) * 1000));
  }
  if (status !== 200) {
    return NEVER;
  }
  switch (media) {
    case 'segment':
    case 'part':
    case 'init':
      // The path names the bytes for ever; a header cannot make them change.
      return FOREVER;
    case 'playlist':
    case 'manifest':
    case 'preview': {
      if (isBlockingPath(key)) {
        return milliseconds(Math.min(BLOCKING_MAX, (said ?? 0) * 1000));
      }
      const most = isRecordingPath(key) ? RECORDING_MAX : LIVE_MAX;
      return milliseconds(said === undefined ? LIVE_DEFAULT : Math.min(most, said * 1000));
    }
  }
}

/** The Cache-Control header for viewers and whatever cache stands before them. */
export function cacheControlFor(media: MediaKind, upstream: string | undefined): string {
  switch (media) {
    case 'segment':
    case 'part':
    case 'init':
      return `public, max-age=${YEAR_SECONDS}, immutable`;
    case 'playlist':
    case 'manifest':
    case 'preview':
      return upstream ?? 'public, max-age=1';
  }
}

/** Content types of media, stated by us: an upstream's mistake must not turn media into script. */
export function contentTypeOf(media: MediaKind, key: string): string {
  switch (media) {
    case 'segment':
    case 'part':
    case 'init':
      return isSoundPath(key) ? 'audio/mp4' : 'video/mp4';
    case 'playlist':
      return 'application/vnd.apple.mpegurl';
    case 'manifest':
      return 'application/dash+xml';
    case 'preview':
      return 'image/jpeg';
  }
}

/** What viewers see when the upstream answered with `status`: its failures are ours to name. */
export function statusForViewer(status: number): number {
  switch (status) {
    case 200:
    case 400:
    case 403:
    case 404:
    case 410:
    case 429:
    case 503:
      return status;
    default:
      return 502;
  }
}
