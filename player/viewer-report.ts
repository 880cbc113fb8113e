/**
 * Tells the edge how far behind the picture is (CMCD), by a request that is made anyway: once in each stretch of the edge's
 * clock the first manifest or playlist that is asked for has it in its query. Segments never do: they are the same for
 * everybody, in every cache on the way.
 */
import { REPORT_MS, withReport } from '#common/contracts/cmcd';
import { parseDelivery } from '#common/contracts/delivery';
import type { EdgeRoute } from './edge-route.ts';

/** What is told, milliseconds. */
export interface Told {
  readonly channel: string;
  /** Of the edge's clock. */
  readonly now: () => number;
  /** Undefined: there is nothing to tell. */
  readonly latency: () => number | undefined;
}

/** Whether a URL is of the channel's live manifests and playlists, which change. */
function isChanging(url: string, channel: string): boolean {
  const [, path = url] = /^https?:\/\/[^/]+(.*)$/.exec(url) ?? [];
  const delivery = parseDelivery(path);
  if (delivery === undefined || delivery === 'malformed' || delivery.channel !== channel) {
    return false;
  }
  const { kind } = delivery;
  return kind === 'multivariant' || kind === 'manifest' || kind === 'media-playlist';
}

/** The way to the edges, with reports. */
export function reporting(route: EdgeRoute, { channel, now, latency }: Told): EdgeRoute {
  let toldIn: number | undefined;
  return {
    ...route,
    locate: (url) => {
      const located = route.locate(url);
      if (!isChanging(located, channel)) {
        return located;
      }
      const stretch = Math.floor(now() / REPORT_MS);
      const told = stretch === toldIn ? undefined : latency();
      if (told !== undefined) {
        toldIn = stretch;
      }
      // Players ask again by the address that they were answered from: that may still have the last report.
      return withReport(located, told);
    },
  };
}
