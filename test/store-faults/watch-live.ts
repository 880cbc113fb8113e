/** A viewer without a screen: follows every live playlist and fetches each segment once it is listed. */
import { setTimeout as delay } from 'node:timers/promises';
import { fetchBytes, mediaPlaylistUris, readMediaPlaylist } from '../helpers/broadcast-download.ts';

/** What a viewer met. */
export interface Watched {
  readonly fetched: number;
  /** Anything that was not answered with 200, and numbers that were skipped. */
  readonly failures: readonly string[];
}

const ASK_EVERY_MS = 1_000;

/** Watches until told to stop. */
export async function watchLive(master: string, signal: AbortSignal): Promise<Watched> {
  const failures: string[] = [];
  const newest = new Map<string, number>();
  let fetched = 0;
  const follow = async (playlistUrl: string): Promise<void> => {
    const { segments } = readMediaPlaylist((await fetchBytes(playlistUrl)).toString('utf8'));
    for (const { uri } of segments) {
      const n = Number.parseInt(uri.split('/').at(-1) ?? '', 10);
      const last = newest.get(playlistUrl);
      if (last !== undefined && n <= last) {
        continue;
      }
      if (last !== undefined && n !== last + 1) {
        failures.push(`live: ${uri} came after ${last}`);
      }
      await fetchBytes(new URL(uri, playlistUrl).href);
      newest.set(playlistUrl, n);
      fetched += 1;
    }
  };
  while (!signal.aborted) {
    try {
      const playlist = (await fetchBytes(master)).toString('utf8');
      for (const uri of mediaPlaylistUris(playlist)) {
        await follow(new URL(uri, master).href);
      }
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
    await delay(ASK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  return { fetched, failures };
}
