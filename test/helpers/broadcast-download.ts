/** A broadcast as a player gets it: playlists read over HTTP, every object of every rendition fetched once. */
import { createHash } from 'node:crypto';

/** One listed segment with its bytes. */
export interface ListedSegment {
  readonly n: number;
  readonly seconds: number;
  readonly data: Buffer;
}

/** A media playlist with everything it names. */
export interface ListedRendition {
  readonly id: string;
  readonly playlist: string;
  /** All init segments named, in order; there must be only one. */
  readonly inits: readonly { readonly name: string; readonly data: Buffer }[];
  readonly segments: readonly ListedSegment[];
}

/** A multivariant playlist with everything it names. */
export interface ListedBroadcast {
  readonly url: string;
  readonly playlist: string;
  readonly renditions: readonly ListedRendition[];
}

/** GETs a URL. Throws unless it is answered with 200. */
export async function fetchBytes(url: string): Promise<Buffer> {
  const response = await fetch(url);
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) {
    throw new Error(`GET ${url}: ${response.status} ${body.toString('utf8', 0, 200)}`);
  }
  return body;
}

/** Media playlists named by a multivariant playlist, each once (rfc8216bis §4.4.6). */
export function mediaPlaylistUris(playlist: string): string[] {
  const lines = playlist.split('\n').map((line) => line.trim());
  const uris = lines.flatMap((line, at) => {
    if (line.startsWith('#EXT-X-MEDIA:')) {
      const uri = /URI="([^"]+)"/.exec(line)?.[1];
      return uri === undefined ? [] : [uri];
    }
    return line.startsWith('#EXT-X-STREAM-INF:') ? [lines[at + 1] ?? ''] : [];
  });
  return [...new Set(uris)];
}

/** What a media playlist lists. Throws on tags that may not appear here: discontinuities and gaps. */
export function readMediaPlaylist(playlist: string): {
  readonly maps: string[];
  readonly segments: { readonly uri: string; readonly seconds: number }[];
  readonly isEnded: boolean;
} {
  const maps: string[] = [];
  const segments: { uri: string; seconds: number }[] = [];
  let seconds = Number.NaN;
  for (const line of playlist.split('\n').map((text) => text.trim())) {
    if (/^#EXT-X-(DISCONTINUITY|GAP)/.test(line)) {
      throw new Error(`unexpected ${line}`);
    }
    if (line.startsWith('#EXT-X-MAP:')) {
      maps.push(/URI="([^"]+)"/.exec(line)?.[1] ?? '');
    } else if (line.startsWith('#EXTINF:')) {
      seconds = Number.parseFloat(line.slice('#EXTINF:'.length));
    } else if (line !== '' && !line.startsWith('#')) {
      segments.push({ uri: line, seconds });
    }
  }
  return { maps, segments, isEnded: playlist.includes('#EXT-X-ENDLIST') };
}

/** Fetches everything that a multivariant playlist leads to. */
export async function downloadBroadcast(url: string): Promise<ListedBroadcast> {
  const playlist = (await fetchBytes(url)).toString('utf8');
  const renditions: ListedRendition[] = [];
  for (const uri of mediaPlaylistUris(playlist)) {
    renditions.push(await downloadRendition(new URL(uri, url).href));
  }
  return { url, playlist, renditions };
}

async function downloadRendition(url: string): Promise<ListedRendition> {
  const playlist = (await fetchBytes(url)).toString('utf8');
  const listed = readMediaPlaylist(playlist);
  const inits: { name: string; data: Buffer }[] = [];
  for (const map of listed.maps) {
    const initUrl = new URL(map, url);
    inits.push({ name: lastOf(initUrl), data: await fetchBytes(initUrl.href) });
  }
  const segments: ListedSegment[] = [];
  let id = '';
  for (const segment of listed.segments) {
    const segmentUrl = new URL(segment.uri, url);
    id = segmentUrl.pathname.split('/').at(-2) ?? '';
    const n = Number.parseInt(lastOf(segmentUrl), 10);
    const data = await fetchBytes(segmentUrl.href);
    segments.push({ n, seconds: segment.seconds, data });
  }
  return { id, playlist, inits, segments };
}

const lastOf = (url: URL): string => url.pathname.split('/').at(-1) ?? '';

/** The hash that an init segment's file name promises: the first 16 hex digits of its SHA-256. */
export const initHash = (data: Buffer): string =>
  createHash('sha256').update(data).digest('hex').slice(0, 16);
