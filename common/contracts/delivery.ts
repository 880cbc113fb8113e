/**
 * The URLs that viewers see (DESIGN, section 6 "Watching"): built and parsed here and nowhere else. The origin parses
 * them, the edge parses, writes anew and keys its cache by them, playlists, manifests and the player build them, and
 * store keys of the same objects have the same file names.
 */
import { segmentNumber, type SegmentNumber } from '../time.ts';

/** What a path under `/live` and `/vod` names. */
export type Delivery =
  | { readonly kind: 'multivariant'; readonly channel: string }
  | { readonly kind: 'manifest'; readonly channel: string }
  | { readonly kind: 'preview'; readonly channel: string }
  | {
      readonly kind: 'media-playlist';
      readonly channel: string;
      readonly rendition: string;
      readonly broadcast: SegmentNumber;
      /** Absent: as it is now, whole. */
      readonly reload?: Reload;
    }
  | {
      readonly kind: 'part';
      readonly channel: string;
      readonly rendition: string;
      readonly n: SegmentNumber;
      /** Its number within the segment, from 0. */
      readonly k: number;
    }
  | {
      readonly kind: 'segment';
      readonly channel: string;
      readonly rendition: string;
      readonly n: SegmentNumber;
    }
  | {
      readonly kind: 'init';
      readonly channel: string;
      readonly rendition: string;
      /** See {@link initHash}. */
      readonly hash: string;
    }
  | {
      readonly kind: 'recording-multivariant';
      readonly channel: string;
      readonly broadcast: SegmentNumber;
    }
  | {
      readonly kind: 'recording-manifest';
      readonly channel: string;
      readonly broadcast: SegmentNumber;
    }
  | {
      readonly kind: 'recording-playlist';
      readonly channel: string;
      readonly broadcast: SegmentNumber;
      readonly rendition: string;
    };

/** Delivery directives of a media playlist's request, RFC 8216bis §6.2.5. */
export interface Reload {
  /** `_HLS_msn` and `_HLS_part`, §6.2.5.2: answered once the playlist has this segment, or this part of it. */
  readonly msn?: SegmentNumber;
  /** Only with `msn`. */
  readonly part?: number;
  /** `_HLS_skip`, §6.2.5.1: the version known is told nothing of again. `v2` says the same, for there are no date ranges. */
  readonly isDelta?: boolean;
}

/** A page of the player: `/watch/<channel>`, or `/embed/<channel>` for other sites' frames. */
export interface PlayerPage {
  readonly page: 'watch' | 'embed';
  readonly channel: string;
}

/** A page of several channels at once: `/watch/<channel>+<channel>…`. */
export interface Multiview {
  readonly page: 'multiview';
  /** As given; not all are channels' names where there is a fault. */
  readonly channels: readonly string[];
  /** Why they cannot be shown; the page says it. */
  readonly fault?: 'too-many' | 'repeated' | 'malformed';
}

/** Channels that a page shows at once, at most. */
export const MOST_VIEWED = 4;

/** The clock, and the directory of edges. */
export const PATHS = { time: '/time', nearestEdges: '/v1/edges/nearest' } as const;

/** Longest path of ours. */
const MAX_LENGTH = 256;
/** The longest of a page: of more channels than are shown, so that their page can say so. */
const MAX_PAGE_LENGTH = 1024;
/** Hex digits of an init segment's SHA-256 that its name carries. */
const INIT_HASH_DIGITS = 16;

const CHANNEL = '(?<channel>[a-z0-9][a-z0-9-]{0,62})';
const RENDITION = '(?<rendition>v[0-9]{2,4}|a[0-9]{2,3})';
/** 15 digits: all are safe integers. Written in one way only, or one object would have many names. */
const WHOLE_NUMBER = '0|[1-9][0-9]{0,14}';
const WHOLE = new RegExp(`^(?:${WHOLE_NUMBER})$`);
const BROADCAST = `(?<broadcast>${WHOLE_NUMBER})`;
const NUMBER = `(?<n>${WHOLE_NUMBER})`;
/** No segment has a thousand parts. */
const PART = '(?<k>0|[1-9][0-9]{0,2})';

/** The part of an init segment's SHA-256 (hex) that names it. */
export const initHash = (sha256: string): string => sha256.slice(0, INIT_HASH_DIGITS);
/** File name of an init segment, by its SHA-256 or the part that names it. */
export const initFile = (sha256: string): string => `init-${initHash(sha256)}.mp4`;
/** File name of a segment. */
export const segmentFile = (n: SegmentNumber): string => `${n}.m4s`;
/** File name of a part of a segment. */
export const partFile = (n: SegmentNumber, k: number): string => `${n}.${k}.m4s`;
/** ISO/IEC 23009-1 §5.3.9.4.4: {@link segmentFile} as a DASH template, from the channel's folder. */
export const SEGMENT_TEMPLATE = '$RepresentationID$/$Number$.m4s';
/** The template's init segment. */
export const initTemplate = (sha256: string): string => `$RepresentationID$/${initFile(sha256)}`;
/** A live media playlist from the channel's folder: one broadcast each, so that an ended one stays ended. */
export const mediaPlaylistFile = (rendition: string, broadcast: number): string =>
  `${rendition}/${broadcast}.m3u8`;
/** A recording's media playlist from its own folder. */
export const recordingPlaylistFile = (rendition: string): string => `${rendition}.m3u8`;
/** Where a recording's objects are, from its folder; ends in a slash. */
export const liveFolderFromRecording = (channel: string): string => `../../../live/${channel}/`;

/** The path of HLS's multivariant playlist, and of DASH's manifest, without `.m3u8` and `.mpd`: of the current broadcast, or a recording. */
export const presentationPath = (channel: string, recording?: number): string =>
  recording === undefined ? `/live/${channel}/index` : `/vod/${channel}/${recording}/index`;

/** §6.2.5: in the order that it asks clients for, each once. */
function reloadQuery({ msn, part, isDelta }: Reload = {}): string {
  const directives = [
    ...(msn === undefined ? [] : [`_HLS_msn=${msn}`]),
    ...(part === undefined ? [] : [`_HLS_part=${part}`]),
    ...(isDelta === true ? ['_HLS_skip=YES'] : []),
  ];
  return directives.length === 0 ? '' : `?${directives.join('&')}`;
}

/** The one path of it. */
export function deliveryPath(delivery: Delivery): string {
  const { channel } = delivery;
  switch (delivery.kind) {
    case 'multivariant':
      return `${presentationPath(channel)}.m3u8`;
    case 'manifest':
      return `${presentationPath(channel)}.mpd`;
    case 'preview':
      return `/live/${channel}/preview.jpg`;
    case 'media-playlist':
      return `/live/${channel}/${mediaPlaylistFile(delivery.rendition, delivery.broadcast)}${reloadQuery(delivery.reload)}`;
    case 'part':
      return `/live/${channel}/${delivery.rendition}/${partFile(delivery.n, delivery.k)}`;
    case 'segment':
      return `/live/${channel}/${delivery.rendition}/${segmentFile(delivery.n)}`;
    case 'init':
      return `/live/${channel}/${delivery.rendition}/${initFile(delivery.hash)}`;
    case 'recording-multivariant':
      return `${presentationPath(channel, delivery.broadcast)}.m3u8`;
    case 'recording-manifest':
      return `${presentationPath(channel, delivery.broadcast)}.mpd`;
    case 'recording-playlist':
      return `/vod/${channel}/${delivery.broadcast}/${recordingPlaylistFile(delivery.rendition)}`;
  }
}

type Groups = Readonly<Record<string, string>>;

const text = (groups: Groups, name: string): string => groups[name] ?? '';
const channelOf = (groups: Groups): string => text(groups, 'channel');
const renditionOf = (groups: Groups): string => text(groups, 'rendition');
const broadcastOf = (groups: Groups): SegmentNumber =>
  segmentNumber(Number(text(groups, 'broadcast')));

const rule = (pattern: string, parse: (groups: Groups) => Delivery) => ({
  pattern: new RegExp(`^${pattern}$`),
  parse,
});

/** One pattern each, the most frequent first. */
const RULES = [
  rule(`/live/${CHANNEL}/${RENDITION}/${NUMBER}\\.m4s`, (groups) => ({
    kind: 'segment',
    channel: channelOf(groups),
    rendition: renditionOf(groups),
    n: segmentNumber(Number(text(groups, 'n'))),
  })),
  rule(`/live/${CHANNEL}/${RENDITION}/${NUMBER}\\.${PART}\\.m4s`, (groups) => ({
    kind: 'part',
    channel: channelOf(groups),
    rendition: renditionOf(groups),
    n: segmentNumber(Number(text(groups, 'n'))),
    k: Number(text(groups, 'k')),
  })),
  rule(`/live/${CHANNEL}/${RENDITION}/${BROADCAST}\\.m3u8`, (groups) => ({
    kind: 'media-playlist',
    channel: channelOf(groups),
    rendition: renditionOf(groups),
    broadcast: broadcastOf(groups),
  })),
  rule(
    `/live/${CHANNEL}/${RENDITION}/init-(?<hash>[0-9a-f]{${INIT_HASH_DIGITS}})\\.mp4`,
    (groups) => ({
      kind: 'init',
      channel: channelOf(groups),
      rendition: renditionOf(groups),
      hash: text(groups, 'hash'),
    }),
  ),
  rule(`/live/${CHANNEL}/index\\.m3u8`, (groups) => ({
    kind: 'multivariant',
    channel: channelOf(groups),
  })),
  rule(`/live/${CHANNEL}/index\\.mpd`, (groups) => ({
    kind: 'manifest',
    channel: channelOf(groups),
  })),
  rule(`/live/${CHANNEL}/preview\\.jpg`, (groups) => ({
    kind: 'preview',
    channel: channelOf(groups),
  })),
  rule(`/vod/${CHANNEL}/${BROADCAST}/index\\.m3u8`, (groups) => ({
    kind: 'recording-multivariant',
    channel: channelOf(groups),
    broadcast: broadcastOf(groups),
  })),
  rule(`/vod/${CHANNEL}/${BROADCAST}/index\\.mpd`, (groups) => ({
    kind: 'recording-manifest',
    channel: channelOf(groups),
    broadcast: broadcastOf(groups),
  })),
  rule(`/vod/${CHANNEL}/${BROADCAST}/${RENDITION}\\.m3u8`, (groups) => ({
    kind: 'recording-playlist',
    channel: channelOf(groups),
    broadcast: broadcastOf(groups),
    rendition: renditionOf(groups),
  })),
];

/** The path of a request target in origin form: without its query, which names nothing of ours. */
export function pathOf(target: string): string {
  const end = target.indexOf('?');
  return end === -1 ? target : target.slice(0, end);
}

/** Whether a path is of media at all, well-formed or not. */
export const isMediaPath = (path: string): boolean =>
  path.startsWith('/live/') || isRecordingPath(path);

/** Whether one of our media paths is of a recording's playlists; they change less often than what is live. */
export const isRecordingPath = (path: string): boolean => path.startsWith('/vod/');

/** Whether one of our media paths is of sound. */
export const isSoundPath = (path: string): boolean => /\/a[0-9]{2,3}\/[^/]+$/.test(path);

/** Whether one of our media paths is a playlist's that is answered only once it has what the request names. */
export const isBlockingPath = (path: string): boolean => path.includes('?_HLS_msn=');

const DIRECTIVES = ['_HLS_msn', '_HLS_part', '_HLS_skip'] as const;

/** The directives of a query; what else it says is not looked at. */
function reloadOf(query: string): Reload | 'malformed' | undefined {
  const given = new Map<string, string>();
  for (const pair of query.split('&')) {
    const [name = '', value = ''] = pair.split('=', 2);
    if (DIRECTIVES.some((directive) => directive === name)) {
      if (given.has(name)) {
        return 'malformed';
      }
      given.set(name, value);
    }
  }
  if (given.size === 0) {
    return undefined;
  }
  const [msn, part, skip] = DIRECTIVES.map((name) => given.get(name));
  const areNumbers = [msn, part].every((value) => value === undefined || WHOLE.test(value));
  const isSkipKnown = skip === undefined || skip === 'YES' || skip === 'v2';
  // §6.2.5.2: a part is one of a segment.
  if (!areNumbers || !isSkipKnown || (part !== undefined && msn === undefined)) {
    return 'malformed';
  }
  return {
    ...(msn === undefined ? {} : { msn: segmentNumber(Number(msn)) }),
    ...(part === undefined ? {} : { part: Number(part) }),
    ...(skip === undefined ? {} : { isDelta: true }),
  };
}

/**
 * What a request target asks for; undefined: nothing of ours; `'malformed'`: it is answered with 400.
 *
 * Of the query only a media playlist's delivery directives are looked at: tokens, session ids and players' reports must
 * not give every viewer an object of his own. The directives are part of `media-playlist`, so that {@link deliveryPath},
 * and with it the edge's key, has them in one form and order.
 */
export function parseDelivery(target: string): Delivery | 'malformed' | undefined {
  const path = pathOf(target);
  if (!isMediaPath(path) || path.length > MAX_LENGTH) {
    return undefined;
  }
  for (const { pattern, parse } of RULES) {
    const match = pattern.exec(path);
    if (match === null) {
      continue;
    }
    const delivery = parse(match.groups ?? {});
    if (delivery.kind !== 'media-playlist' || path.length === target.length) {
      return delivery;
    }
    const reload = reloadOf(target.slice(path.length + 1));
    if (reload === 'malformed') {
      return 'malformed';
    }
    return reload === undefined ? delivery : { ...delivery, reload };
  }
  return undefined;
}

const PAGE = new RegExp(`^/(?<page>watch|embed)/${CHANNEL}$`);

/** The path of a player's page. */
export const pagePath = ({ page, channel }: PlayerPage): string => `/${page}/${channel}`;

/** The page that a request target asks for. */
export function parsePage(target: string): PlayerPage | undefined {
  const groups = PAGE.exec(pathOf(target))?.groups;
  return groups === undefined
    ? undefined
    : { page: groups['page'] === 'embed' ? 'embed' : 'watch', channel: channelOf(groups) };
}

const CHANNELS = /^\/watch\/(?<list>[^/]*)$/;
const CHANNEL_NAME = new RegExp(`^${CHANNEL}$`);

/** The path of several channels' page. */
export const multiviewPath = (channels: readonly string[]): string =>
  `/watch/${channels.join('+')}`;

/** The page of several channels that a request target asks for; some programs write its `+` as `%2B`. */
export function parseMultiview(target: string): Multiview | undefined {
  const path = pathOf(target);
  const list = path.length > MAX_PAGE_LENGTH ? undefined : CHANNELS.exec(path)?.groups?.['list'];
  const channels = list?.split(/\+|%2B/i) ?? [];
  if (channels.length < 2) {
    return undefined;
  }
  const page = { page: 'multiview', channels } as const;
  if (!channels.every((channel) => CHANNEL_NAME.test(channel))) {
    return { ...page, fault: 'malformed' };
  }
  if (new Set(channels).size < channels.length) {
    return { ...page, fault: 'repeated' };
  }
  return channels.length > MOST_VIEWED ? { ...page, fault: 'too-many' } : page;
}

/** The broadcast that a media playlist's address names, relative or not. */
export function broadcastOfPlaylist(uri: string): number | undefined {
  const number = new RegExp(`(?:^|/)(${WHOLE_NUMBER})\\.m3u8(?:\\?|$)`).exec(uri)?.[1];
  return number === undefined ? undefined : Number(number);
}
