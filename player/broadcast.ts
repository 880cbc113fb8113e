/** What is on a channel, told by its playlists: nothing, a broadcast on air, or one that has ended. */
import { broadcastOfPlaylist } from '#common/contracts/delivery';

/**
 * See the head of this file. `beginning` is on air, but too short to play without stalling; `unreachable` says
 * nothing about the channel.
 */
export type OnAir =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'beginning' }
  | { readonly kind: 'live'; readonly broadcast: number; readonly isLowLatency: boolean }
  | { readonly kind: 'ended'; readonly broadcast: number }
  | { readonly kind: 'unreachable' };

/** Reads a text: undefined for 404, an error for whatever else went wrong. */
export type ReadText = (url: string) => Promise<string | undefined>;

/** Reads texts by their paths, from whichever edge `fetchPath` asks. */
export const readFrom =
  (fetchPath: (path: string) => Promise<Response>): ReadText =>
  async (url) => {
    const { pathname, search } = new URL(url);
    const response = await fetchPath(`${pathname}${search}`);
    if (response.status === 404) {
      return undefined;
    }
    if (!response.ok) {
      throw new Error(`status ${response.status}`);
    }
    return response.text();
  };

/** The first media playlist of a multivariant playlist (RFC 8216bis §4.4.6.2), and the broadcast its name tells. */
export function firstVariant(
  text: string,
): { readonly uri: string; readonly broadcast: number } | undefined {
  for (const line of text.split('\n')) {
    const uri = line.trim();
    const broadcast = uri.startsWith('#') ? undefined : broadcastOfPlaylist(uri);
    if (broadcast !== undefined) {
      return { uri, broadcast };
    }
  }
  return undefined;
}

/** Segments that players keep between themselves and live. */
const ENOUGH_SEGMENTS = 3;

/** Parts that they keep, where segments have some (RFC 8216bis §4.4.3.8). */
const ENOUGH_PARTS = 3;

/** Segments that a media playlist lists. */
const countSegments = (text: string): number => text.match(/^#EXTINF:/gm)?.length ?? 0;
/** Parts that it lists. */
const countParts = (text: string): number => text.match(/^#EXT-X-PART:/gm)?.length ?? 0;

/** Whether a media playlist will not grow any more (RFC 8216bis §4.4.3.4). */
export const hasEnded = (text: string): boolean => /^#EXT-X-ENDLIST\s*$/m.test(text);

/**
 * Looks what is on.
 * @param playlist address of the channel's multivariant playlist
 * @param knownEnded a broadcast known to have ended: its playlist need not be read again
 */
export async function lookForBroadcast(
  playlist: string,
  read: ReadText,
  knownEnded?: number,
): Promise<OnAir> {
  try {
    const text = await read(playlist);
    if (text === undefined) {
      return { kind: 'nothing' };
    }
    const variant = firstVariant(text);
    if (variant === undefined) {
      return { kind: 'unreachable' };
    }
    const { broadcast } = variant;
    if (broadcast === knownEnded) {
      return { kind: 'ended', broadcast };
    }
    const media = await read(new URL(variant.uri, playlist).href);
    if (media === undefined) {
      return { kind: 'unreachable' };
    }
    if (hasEnded(media)) {
      return { kind: 'ended', broadcast };
    }
    const isLowLatency = media.includes('\n#EXT-X-PART-INF:');
    return countSegments(media) < ENOUGH_SEGMENTS && countParts(media) < ENOUGH_PARTS
      ? { kind: 'beginning' }
      : { kind: 'live', broadcast, isLowLatency };
  } catch {
    return { kind: 'unreachable' };
  }
}
