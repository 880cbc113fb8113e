/**
 * What a request's path asks for. Every path is matched as a whole and written anew from its parts, so nothing a client
 * sends reaches the upstream or a file system as it came.
 */
import {
  PATHS,
  deliveryPath,
  isMediaPath,
  parseDelivery,
  parseMultiview,
  parsePage,
  pathOf,
  type Delivery,
  type Multiview,
  type PlayerPage,
} from '#common/contracts/delivery';

/** Media: answered from the cache. `key` is the canonical path, also asked of the upstream. */
export interface MediaRoute {
  readonly kind: 'media';
  readonly key: string;
  readonly media: MediaKind;
}

/** How a media object behaves: for ever the same, a text that grows, or a picture that is replaced. */
export type MediaKind = 'segment' | 'part' | 'init' | 'playlist' | 'manifest' | 'preview';

/** Whether it is text, which changes and which viewers may have packed. */
export const isText = ({ media }: Pick<MediaRoute, 'media'>): boolean =>
  media === 'playlist' || media === 'manifest';

/** Everything the edge answers. */
export type Route =
  | MediaRoute
  | ({ readonly kind: 'page' } & (PlayerPage | Multiview))
  | { readonly kind: 'asset'; readonly name: string }
  | { readonly kind: 'time' | 'nearest' | 'home' | 'malformed' | 'none' };

/** Longest request target read at all. */
export const MAX_TARGET_LENGTH = 2048;

const ASSET = /^\/assets\/([A-Za-z0-9][A-Za-z0-9_-]{0,79}(?:\.[a-z0-9]{1,8}){1,2})$/;

function mediaKindOf({ kind }: Delivery): MediaKind {
  switch (kind) {
    case 'segment':
    case 'part':
    case 'init':
    case 'manifest':
    case 'preview':
      return kind;
    case 'recording-manifest':
      return 'manifest';
    case 'multivariant':
    case 'media-playlist':
    case 'recording-multivariant':
    case 'recording-playlist':
      return 'playlist';
  }
}

/**
 * The route of a request target. Of a query only what the origin heeds is part of a key, as
 * `common/contracts/delivery.ts` says.
 * @param target as received, origin form (`/live/…?…`); anything else is `none`
 */
export function parseRoute(target: string): Route {
  const path = pathOf(target);
  if (isMediaPath(path)) {
    const delivery = parseDelivery(target);
    if (delivery === undefined || delivery === 'malformed') {
      return { kind: delivery ?? 'none' };
    }
    return { kind: 'media', key: deliveryPath(delivery), media: mediaKindOf(delivery) };
  }
  switch (path) {
    case '/':
      return { kind: 'home' };
    case PATHS.time:
      return { kind: 'time' };
    case PATHS.nearestEdges:
      return { kind: 'nearest' };
  }
  const page = parsePage(target) ?? parseMultiview(target);
  if (page !== undefined) {
    return { kind: 'page', ...page };
  }
  const name = ASSET.exec(path)?.[1];
  return name === undefined ? { kind: 'none' } : { kind: 'asset', name };
}
