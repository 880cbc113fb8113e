/** Paths of the origin, parsed by one pattern each; whatever matches none is no path. Pure. */
import { segmentNumber, type SegmentNumber } from '#common/time';

/** What a request asks for. */
export type Route =
  | { readonly kind: 'time' }
  | { readonly kind: 'multivariant'; readonly channel: string }
  | { readonly kind: 'manifest'; readonly channel: string }
  | { readonly kind: 'preview'; readonly channel: string }
  | {
      readonly kind: 'media-playlist';
      readonly channel: string;
      readonly rendition: string;
      readonly broadcast: SegmentNumber;
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
      /** First digits of its SHA-256. */
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

/** No URL of ours is longer. */
const MAX_LENGTH = 256;

const CHANNEL = '(?<channel>[a-z0-9][a-z0-9-]{0,62})';
const RENDITION = '(?<rendition>v[0-9]{2,4}|a[0-9]{2,3})';
const BROADCAST = '(?<broadcast>0|[1-9][0-9]{0,14})';
const NUMBER = '(?<n>0|[1-9][0-9]{0,14})';

type Groups = Readonly<Record<string, string>>;

const route = (pattern: string, parse: (groups: Groups) => Route) => ({
  pattern: new RegExp(`^${pattern}$`),
  parse,
});

const text = (groups: Groups, name: string): string => groups[name] ?? '';
const channelOf = (groups: Groups): string => text(groups, 'channel');
const renditionOf = (groups: Groups): string => text(groups, 'rendition');
const broadcastOf = (groups: Groups): SegmentNumber =>
  segmentNumber(Number(text(groups, 'broadcast')));

const ROUTES = [
  route(`/live/${CHANNEL}/${RENDITION}/${NUMBER}\\.m4s`, (groups) => ({
    kind: 'segment',
    channel: channelOf(groups),
    rendition: renditionOf(groups),
    n: segmentNumber(Number(text(groups, 'n'))),
  })),
  route(`/live/${CHANNEL}/${RENDITION}/${BROADCAST}\\.m3u8`, (groups) => ({
    kind: 'media-playlist',
    channel: channelOf(groups),
    rendition: renditionOf(groups),
    broadcast: broadcastOf(groups),
  })),
  route(`/live/${CHANNEL}/${RENDITION}/init-(?<hash>[0-9a-f]{16})\\.mp4`, (groups) => ({
    kind: 'init',
    channel: channelOf(groups),
    rendition: renditionOf(groups),
    hash: text(groups, 'hash'),
  })),
  route(`/live/${CHANNEL}/index\\.m3u8`, (groups) => ({
    kind: 'multivariant',
    channel: channelOf(groups),
  })),
  route(`/live/${CHANNEL}/index\\.mpd`, (groups) => ({
    kind: 'manifest',
    channel: channelOf(groups),
  })),
  route(`/live/${CHANNEL}/preview\\.jpg`, (groups) => ({
    kind: 'preview',
    channel: channelOf(groups),
  })),
  route(`/vod/${CHANNEL}/${BROADCAST}/index\\.m3u8`, (groups) => ({
    kind: 'recording-multivariant',
    channel: channelOf(groups),
    broadcast: broadcastOf(groups),
  })),
  route(`/vod/${CHANNEL}/${BROADCAST}/index\\.mpd`, (groups) => ({
    kind: 'recording-manifest',
    channel: channelOf(groups),
    broadcast: broadcastOf(groups),
  })),
  route(`/vod/${CHANNEL}/${BROADCAST}/${RENDITION}\\.m3u8`, (groups) => ({
    kind: 'recording-playlist',
    channel: channelOf(groups),
    broadcast: broadcastOf(groups),
    rendition: renditionOf(groups),
  })),
  route('/time', () => ({ kind: 'time' })),
];

/** The route of a request target; a query changes nothing. */
export function parseRoute(url: string): Route | undefined {
  const [path = ''] = url.split('?', 1);
  if (path.length > MAX_LENGTH) {
    return undefined;
  }
  for (const { pattern, parse } of ROUTES) {
    const match = pattern.exec(path);
    if (match !== null) {
      return parse(match.groups ?? {});
    }
  }
  return undefined;
}
