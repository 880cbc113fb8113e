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
/** The playlists that may be asked for ahead of time. */
const LIVE_LIST = /^\/live\/[^/]+\/[^/]+\/[0-9]+\.m3u8$/;
const PAGE = new RegExp(`^/(watch|embed)/(${CHANNEL})$`);
const ASSET = /^\/assets\/([A-Za-z0-9][A-Za-z0-9_-]{0,79}(?:\.[a-z0-9]{1,8}){1,2})$/;

function pattern(source: string): RegExp {
  return new RegExp(`^${source}$`);
}

/** What a client of low-latency HLS asks a media playlist for (RFC 8216bis §6.2.5); the rest of a query is no part of a key. */
const DELIVERY: readonly (readonly [string, RegExp])[] = [
  ['_HLS_msn', /^(?:0|[1-9][0-9]{0,15})$/],
  ['_HLS_part', /^(?:0|[1-9][0-9]{0,3})$/],
  ['_HLS_skip', /^(?:YES|v2)$/],
];

/** The delivery directives of a query, in one order; empty when there are none or one of them is malformed. */
function deliveryOf(query: string): string {
  const asked = new URLSearchParams(query);
  const found = DELIVERY.flatMap(([name, expression]) => {
    const value = asked.get(name);
    return value === null ? [] : [{ text: `${name}=${value}`, isValid: expression.test(value) }];
  });
  return found.every(({ isValid }) => isValid) && found.length > 0
    ? `?${found.map(({ text }) => text).join('&')}`
    : '';
}

/**
 * The route of a request target. Of the query only the directives of low-latency HLS are part of it: session ids,
 * tokens and player reports in a key would give every viewer an object of his own.
 * @param target as received, origin form (`/live/…?…`); anything else is `none`
 */
export function parseRoute(target: string): Route {
  const end = target.indexOf('?');
  const path = end === -1 ? target : target.slice(0, end);
  if (path.startsWith('/live/') || path.startsWith('/vod/')) {
    const found = MEDIA.find(([expression]) => expression.test(path));
    if (found === undefined) {
      return { kind: 'none' };
    }
    const [, media] = found;
    const isLiveList = media === 'playlist' && end !== -1 && LIVE_LIST.test(path);
    return {
      kind: 'media',
      key: isLiveList ? `${path}${deliveryOf(target.slice(end))}` : path,
      media,
    };
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
