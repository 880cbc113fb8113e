/**
 * HLS playlists, written. draft-pantos-hls-rfc8216bis; section numbers below are its. Pure: what a playlist says is
 * a function of the records it is given.
 */
import type { Profile } from '#common/contracts/channel';
import { initFile, partFile, segmentFile } from '#common/contracts/delivery';
import type { Published } from '#common/contracts/segment';
import type { AudioRendition, Rendition, VideoRendition } from '#common/contracts/rendition';
import type { Division } from '#common/division';
import { AAC_FRAME_SAMPLES, SAMPLE_RATE, segmentSeconds, type Grid } from '#common/grid';
import { PLAYERS_BEHIND_SEGMENTS } from '#common/lateness';
import { segmentNumber, type SegmentNumber } from '#common/time';
import { partSeconds } from './fragment.ts';
import { partHoldBack } from './latency.ts';
import { offeredOf, type Timeline } from './timeline.ts';
import { expectedOf } from './verify.ts';

/** §4.4.1.2: 7 is what `EXT-X-MAP` with fragmented MP4 needs, 8 what `EXT-X-GAP` needs. */
const VERSION = 7;
const VERSION_WITH_GAPS = 8;
/** `EXT-X-SKIP`. */
const VERSION_WITH_SKIP = 9;

const quoted = (value: string): string => `"${value}"`;

/** §4.2: an attribute list; absent values are left out. */
const attributes = (list: Readonly<Record<string, string | number | undefined>>): string =>
  Object.entries(list)
    .filter((entry) => entry[1] !== undefined)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');

const isVideo = (rendition: Rendition): rendition is VideoRendition => rendition.kind === 'video';
const isAudio = (rendition: Rendition): rendition is AudioRendition => rendition.kind === 'audio';

/** Exact to the microsecond, which is finer than any tick of the grid's tracks adds up to within a window. */
const seconds = (value: number): string => value.toFixed(6);

/** Length of a segment of a rendition, in seconds: sound has a whole number of its own frames. */
function durationOf(grid: Grid, rendition: Rendition, n: SegmentNumber): number {
  const { samples, sampleDuration, timescale } = expectedOf(grid, rendition.kind, n);
  return (samples * sampleDuration) / timescale;
}

/**
 * §4.4.4.6: when a segment's first sample plays; exact for picture, for sound cut to the millisecond, never later than the truth.
 * A player that places sound after where its buffer ends takes a segment that it has for one that still lacks something: hls.js
 * 1.7.4 then asked for no sound until that segment's parts were no longer listed, three target durations later.
 */
function programDateTime(grid: Grid, rendition: Rendition, n: SegmentNumber): string {
  const samples =
    rendition.kind === 'video'
      ? n * grid.segmentSamples
      : expectedOf(grid, rendition.kind, n).decodeTime;
  return new Date(Math.floor((samples * 1000) / SAMPLE_RATE)).toISOString();
}

/** §4.4.6.2 `FRAME-RATE`: three decimals. */
const frameRate = (grid: Grid): string => (grid.num / grid.den).toFixed(3);

/**
 * The multivariant playlist, §4.4.6: a variant per picture rendition, the highest first, and the sound as a group.
 * @param uriOf a rendition's media playlist, relative to this one
 */
export function multivariantPlaylist(
  timeline: Timeline,
  uriOf: (rendition: Rendition) => string,
): string {
  const { broadcast, grid, declared } = timeline;
  const offered = offeredOf(timeline);
  const peak = (id: string): number => declared.rates[id]?.peak ?? 0;
  const average = (id: string): number => declared.rates[id]?.average || peak(id);
  const sound = broadcast.renditions.find(isAudio);
  const lines = ['#EXTM3U', `#EXT-X-VERSION:${VERSION}`, '#EXT-X-INDEPENDENT-SEGMENTS'];
  if (sound !== undefined) {
    lines.push(
      `#EXT-X-MEDIA:${attributes({
        TYPE: 'AUDIO',
        'GROUP-ID': quoted(sound.id),
        NAME: quoted('Main'),
        DEFAULT: 'YES',
        AUTOSELECT: 'YES',
        CHANNELS: quoted('2'),
        URI: quoted(uriOf(sound)),
      })}`,
    );
  }
  const pictures = offered.filter(isVideo).toSorted((a, b) => b.height - a.height);
  for (const picture of pictures) {
    const codecs = [picture.codecs, ...(sound === undefined ? [] : [sound.codecs])].join(',');
    const soundOf = (rate: (id: string) => number): number =>
      sound === undefined ? 0 : rate(sound.id);
    lines.push(
      `#EXT-X-STREAM-INF:${attributes({
        BANDWIDTH: peak(picture.id) + soundOf(peak),
        'AVERAGE-BANDWIDTH': average(picture.id) + soundOf(average),
        CODECS: quoted(codecs),
        RESOLUTION: `${picture.width}x${picture.height}`,
        'FRAME-RATE': frameRate(grid),
        AUDIO: sound === undefined ? undefined : quoted(sound.id),
      })}`,
      uriOf(picture),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** What a media playlist lists. */
export interface MediaPlaylistOptions {
  readonly grid: Grid;
  readonly rendition: Rendition;
  /** Oldest first. Missing numbers between them are written as gaps, and those that have not this rendition. */
  readonly segments: readonly Published[];
  /** Number of the first segment when there is none to list. */
  readonly first: SegmentNumber;
  /** Nothing will follow: §4.4.3.4. */
  readonly isEnded: boolean;
  /** The whole broadcast, for ever the same: §4.4.3.5 `VOD`. */
  readonly isRecording: boolean;
  /** Where the objects are, relative to the playlist; empty or ending in a slash. */
  readonly base: string;
}

/** §4.4.3.8: how far back what a delta update leaves out must lie, in target durations. */
const SKIP_TARGETS = 6;

/** Another rendition's newest, §4.4.5.4. */
export interface RenditionReport {
  readonly uri: string;
  readonly msn: SegmentNumber;
  readonly part: number;
}

/** What a low-latency media playlist lists. */
export interface GrowingPlaylistOptions {
  readonly grid: Grid;
  readonly profile: Profile;
  readonly division: Division;
  readonly rendition: Rendition;
  /** Of the whole broadcast: sound's parts are up to one AAC frame longer than the picture's. */
  readonly renditions: readonly Rendition[];
  /** Hash of the init segment; undefined before the first fragment. */
  readonly init: string | undefined;
  /** Whole segments of this rendition, `[first, next)`. */
  readonly first: SegmentNumber;
  readonly next: SegmentNumber;
  /** Numbers below this have parts that nobody remembers. */
  readonly partsFrom: SegmentNumber;
  /** Published parts of `next`. */
  readonly parts: number;
  /** Whether this rendition is not whole there, and will not be: §4.4.4.7. */
  readonly isGap: (n: SegmentNumber) => boolean;
  /** Parts of such a segment that were made before it was left off. */
  readonly partsOfGap: (n: SegmentNumber) => number;
  readonly isEnded: boolean;
  readonly reports: readonly RenditionReport[];
  /** §6.2.5.1: what lies before the skip boundary is left out. */
  readonly isDelta: boolean;
}

/** §4.4.3.7: the longest part a rendition can have, seconds, rounded up at the digits printed. */
export function partTarget(grid: Grid, division: Division, kind: Rendition['kind']): number {
  const exact = (division.partFrames * grid.den) / grid.num;
  const longest =
    kind === 'video'
      ? exact
      : (Math.ceil((exact * SAMPLE_RATE) / AAC_FRAME_SAMPLES) * AAC_FRAME_SAMPLES) / SAMPLE_RATE;
  return Math.ceil(Math.round(longest * 1e9) / 1e3) / 1e6;
}

/** §4.4.3.1: the longest segment, rounded to the nearest whole number. */
const targetDuration = (grid: Grid): number => Math.round(segmentSeconds(grid));

function serverControl({ grid, profile, division, renditions }: GrowingPlaylistOptions): string {
  const targets = renditions.map(({ kind }) => partTarget(grid, division, kind));
  const target = targetDuration(grid);
  return `#EXT-X-SERVER-CONTROL:${attributes({
    'CAN-BLOCK-RELOAD': 'YES',
    'CAN-SKIP-UNTIL': seconds(SKIP_TARGETS * target),
    'HOLD-BACK': seconds(PLAYERS_BEHIND_SEGMENTS * target),
    'PART-HOLD-BACK': seconds(partHoldBack(profile, Math.max(...targets))),
  })}`;
}

/** §4.4.4.9: sound's frames each stand alone, a picture's first part begins with an IDR. What was not made is listed as the gap that it is. */
function partLine(
  { grid, division, rendition, isGap, partsOfGap }: GrowingPlaylistOptions,
  n: SegmentNumber,
  k: number,
): string {
  return `#EXT-X-PART:${attributes({
    DURATION: seconds(partSeconds(grid, division, rendition.kind, n, k)),
    URI: quoted(partFile(n, k)),
    INDEPENDENT: k === 0 || rendition.kind === 'audio' ? 'YES' : undefined,
    GAP: isGap(n) && k >= partsOfGap(n) ? 'YES' : undefined,
  })}`;
}

/**
 * A low-latency media playlist up to the rendition's newest part, §4.4 and §6.2: also for players that know no parts.
 */
export function growingPlaylist(options: GrowingPlaylistOptions): string {
  const { grid, division, rendition, first, next, parts, init, isEnded, isGap, reports } = options;
  const target = targetDuration(grid);
  const length = (n: SegmentNumber): number => durationOf(grid, rendition, n);
  // From the end of the playlist back to the end of each segment.
  let behind = Array.from({ length: parts }, (_, k) =>
    partSeconds(grid, division, rendition.kind, next, k),
  ).reduce((sum, value) => sum + value, 0);
  let partsFrom = next;
  let skipTo = first;
  for (let n = segmentNumber(next - 1); n >= first; n = segmentNumber(n - 1)) {
    // §6.2.2: the parts of the last three target durations are listed.
    if (behind < PLAYERS_BEHIND_SEGMENTS * target && n >= options.partsFrom) {
      partsFrom = n;
    }
    if (behind > SKIP_TARGETS * target) {
      skipTo = segmentNumber(n + 1);
      break;
    }
    behind += length(n);
  }
  const skipped = options.isDelta ? skipTo - first : 0;
  const lines = [
    '#EXTM3U',
    `#EXT-X-VERSION:${VERSION_WITH_SKIP}`,
    `#EXT-X-TARGETDURATION:${target}`,
    serverControl(options),
    `#EXT-X-PART-INF:PART-TARGET=${seconds(partTarget(grid, division, rendition.kind))}`,
    `#EXT-X-MEDIA-SEQUENCE:${first}`,
  ];
  if (skipped > 0) {
    lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
  } else if (init !== undefined) {
    lines.push(
      `#EXT-X-MAP:URI=${quoted(initFile(init))}`,
      `#EXT-X-PROGRAM-DATE-TIME:${programDateTime(grid, rendition, first)}`,
    );
  }
  for (let n = segmentNumber(first + skipped); n < next; n = segmentNumber(n + 1)) {
    for (let k = 0; n >= partsFrom && k < division.parts; k += 1) {
      lines.push(partLine(options, n, k));
    }
    if (isGap(n)) {
      lines.push('#EXT-X-GAP');
    }
    lines.push(`#EXTINF:${seconds(length(n))},`, segmentFile(n));
  }
  for (let k = 0; k < parts; k += 1) {
    lines.push(partLine(options, next, k));
  }
  if (isEnded) {
    lines.push('#EXT-X-ENDLIST');
  } else {
    if (!isGap(next)) {
      lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI=${quoted(partFile(next, parts))}`);
    }
    lines.push(
      ...reports.map(
        ({ uri, msn, part }) =>
          `#EXT-X-RENDITION-REPORT:URI=${quoted(uri)},LAST-MSN=${msn},LAST-PART=${part}`,
      ),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** A media playlist, §4.4.3: the media sequence number is the segment number. */
export function mediaPlaylist(options: MediaPlaylistOptions): string {
  const { grid, rendition, segments, base } = options;
  const first = segments[0]?.n ?? options.first;
  const newest = segments.at(-1)?.n ?? first - 1;
  const initOf = ({ renditions }: Published): string | undefined =>
    renditions.find((item) => item.rendition === rendition.id)?.initSha256;
  const made = segments.filter((segment) => initOf(segment) !== undefined);
  const hasGaps = made.length !== newest - first + 1;
  const target = targetDuration(grid);
  const lines = [
    '#EXTM3U',
    `#EXT-X-VERSION:${hasGaps ? VERSION_WITH_GAPS : VERSION}`,
    `#EXT-X-TARGETDURATION:${target}`,
    `#EXT-X-MEDIA-SEQUENCE:${first}`,
  ];
  if (options.isRecording) {
    lines.push('#EXT-X-PLAYLIST-TYPE:VOD');
  }
  if (!options.isEnded) {
    lines.push(
      // §4.4.3.8: a player learns of a segment when there is one, and not at its next look.
      `#EXT-X-SERVER-CONTROL:${attributes({
        'CAN-BLOCK-RELOAD': 'YES',
        'HOLD-BACK': seconds(PLAYERS_BEHIND_SEGMENTS * target),
      })}`,
    );
  }
  const byNumber = new Map(made.map((segment) => [segment.n, segment]));
  let map: string | undefined;
  for (let n = first; n <= newest; n = segmentNumber(n + 1)) {
    const segment = byNumber.get(n);
    const init = segment && initOf(segment);
    if (init !== undefined && init !== map) {
      map = init;
      lines.push(`#EXT-X-MAP:URI=${quoted(`${base}${initFile(init)}`)}`);
    }
    if (n === first) {
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${programDateTime(grid, rendition, first)}`);
    }
    if (segment === undefined) {
      lines.push('#EXT-X-GAP');
    }
    lines.push(`#EXTINF:${seconds(durationOf(grid, rendition, n))},`, `${base}${segmentFile(n)}`);
  }
  if (options.isEnded) {
    lines.push('#EXT-X-ENDLIST');
  }
  return `${lines.join('\n')}\n`;
}
