/**
 * HLS playlists, written. draft-pantos-hls-rfc8216bis; section numbers below are its. Pure: what a playlist says is
 * a function of the records it is given.
 */
import { initFile, segmentFile } from '#common/contracts/delivery';
import type { Published } from '#common/contracts/segment';
import type { AudioRendition, Rendition, VideoRendition } from '#common/contracts/rendition';
import { SAMPLE_RATE, segmentSeconds, type Grid } from '#common/grid';
import { segmentNumber, type SegmentNumber } from '#common/time';
import type { Timeline } from './timeline.ts';
import { expectedOf } from './verify.ts';

/** §4.4.1.2: 7 is what `EXT-X-MAP` with fragmented MP4 needs, 8 what `EXT-X-GAP` needs. */
const VERSION = 7;
const VERSION_WITH_GAPS = 8;

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

/** §4.4.4.6: when a segment's first sample plays; exact for picture, to the nearest millisecond for sound. */
function programDateTime(grid: Grid, rendition: Rendition, n: SegmentNumber): string {
  const samples =
    rendition.kind === 'video'
      ? n * grid.segmentSamples
      : expectedOf(grid, rendition.kind, n).decodeTime;
  return new Date(Math.round((samples * 1000) / SAMPLE_RATE)).toISOString();
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
  const pictures = broadcast.renditions.filter(isVideo).toSorted((a, b) => b.height - a.height);
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
  /** Oldest first. Missing numbers between them are written as gaps. */
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

/** A media playlist, §4.4.3: the media sequence number is the segment number. */
export function mediaPlaylist(options: MediaPlaylistOptions): string {
  const { grid, rendition, segments, base } = options;
  const first = segments[0]?.n ?? options.first;
  const newest = segments.at(-1)?.n ?? first - 1;
  const hasGaps = segments.length !== newest - first + 1;
  const lines = [
    '#EXTM3U',
    `#EXT-X-VERSION:${hasGaps ? VERSION_WITH_GAPS : VERSION}`,
    // §4.4.3.1: the longest segment, rounded to the nearest whole number.
    `#EXT-X-TARGETDURATION:${Math.round(segmentSeconds(grid))}`,
    `#EXT-X-MEDIA-SEQUENCE:${first}`,
  ];
  if (options.isRecording) {
    lines.push('#EXT-X-PLAYLIST-TYPE:VOD');
  }
  let map: string | undefined;
  let expected = first;
  for (const segment of segments) {
    for (; expected < segment.n; expected = segmentNumber(expected + 1)) {
      lines.push(
        '#EXT-X-GAP',
        `#EXTINF:${seconds(durationOf(grid, rendition, expected))},`,
        `${base}${segmentFile(expected)}`,
      );
    }
    expected = segmentNumber(expected + 1);
    const init = segment.renditions.find((item) => item.rendition === rendition.id)?.initSha256;
    if (init !== undefined && init !== map) {
      map = init;
      lines.push(`#EXT-X-MAP:URI=${quoted(`${base}${initFile(init)}`)}`);
    }
    if (segment.n === first) {
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${programDateTime(grid, rendition, first)}`);
    }
    lines.push(
      `#EXTINF:${seconds(durationOf(grid, rendition, segment.n))},`,
      `${base}${segmentFile(segment.n)}`,
    );
  }
  if (options.isEnded) {
    lines.push('#EXT-X-ENDLIST');
  }
  return `${lines.join('\n')}\n`;
}
