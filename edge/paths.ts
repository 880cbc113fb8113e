/**
 * What a request's path asks for. Every path is matched as a whole against key patterns and written anew from the
 * parts, so nothing a client sends reaches the upstream or a file system as it came.
 */

/** Media: answered from the cache. `key` is the canonical path, also asked of the upstream. */
export interface MediaRoute {
  readonly kind: 'media';
  readonly key: string;
  readonly media: MediaKind;
}

/** How a media object behaves: for ever the same, a text that grows, or a picture that is replaced. */
export type MediaKind = 'segment' | 'init' | 'playlist' | 'manifest' | 'preview';

/** Everything the edge answers. */
export type Route =
  | MediaRoute
  | { readonly kind: 'time' }
  | { readonly kind: 'nearest' }
  | { readonly kind: 'page'; readonly page: 'watch' | 'embed'; readonly channel: string }
  | { readonly kind: 'asset'; readonly name: string }
  | { readonly kind: 'home' }
  | { readonly kind: 'none' };

/** Longest request target read at all. */
export const MAX_TARGET_LENGTH = 2048;

const CHANNEL = '[a-z0-9][a-z0-9-]{0,62}';
const NUMBER = '(?:0|[1-9][0-9]{0,15})';
const RENDITION = '(?:v[0-9]{2,4}|a[0-9]{2,3})';
const INIT = 'init-[0-9a-f]{16}\\.mp4';

const MEDIA: readonly (readonly [RegExp, MediaKind])[] = [
  [pattern(`/live/${CHANNEL}/${RENDITION}/${NUMBER}\\.m4s`), 'segment'],
  [pattern(`/live/${CHANNEL}/${RENDITION}/${NUMBER}\\.m3u8`), 'playlist'],
  [pattern(`/live/${CHANNEL}/${RENDITION}/${INIT}`), 'init'],
  [pattern(`/live/${CHANNEL}/index\\.m3u8`), 'playlist'],
  [pattern(`/live/${CHANNEL}/index\\.mpd`), 'manifest'],
  [pattern(`/live/${CHANNEL}/preview\\.jpg`), 'preview'],
  [pattern(`/vod/${CHANNEL}/${NUMBER}/(?:index|${RENDITION})\\.m3u8`), 'playlist'],
  [pattern(`/vod/${CHANNEL}/${NUMBER}/index\\.mpd`), 'manifest'],
];
const PAGE = new RegExp(`^/(watch|embed)/(${CHANNEL})$`);
const ASSET = /^\/assets\/([A-Za-z0-9][A-Za-z0-9_-]{0,79}(?:\.[a-z0-9]{1,8}){1,2})$/;

function pattern(source: string): RegExp {
  return new RegExp(`^${source}$`);
}

/**
 * The route of a request target. The query is not part of it: session ids, tokens and player reports in a key
 * would give every viewer an object of his own.
 * @param target as received, origin form (`/live/…?…`); anything else is `none`
 */
export function parseRoute(target: string): Route {
  const end = target.indexOf('?');
  const path = end === -1 ? target : target.slice(0, end);
  if (path.startsWith('/live/') || path.startsWith('/vod/')) {
    const found = MEDIA.find(([expression]) => expression.test(path));
    return found === undefined ? { kind: 'none' } : { kind: 'media', key: path, media: found[1] };
  }
  if (path === '/time' || path === '/') {
    return { kind: path === '/' ? 'home' : 'time' };
  }
  if (path === '/v1/edges/nearest') {
    return { kind: 'nearest' };
  }
  const page = PAGE.exec(path);
  if (page?.[1] !== undefined && page[2] !== undefined) {
    return { kind: 'page', page: page[1] === 'embed' ? 'embed' : 'watch', channel: page[2] };
  }
  const name = ASSET.exec(path)?.[1];
  return name === undefined ? { kind: 'none' } : { kind: 'asset', name };
}
