/** A viewer over HTTP: asks for playlists as a player does and fetches everything they name, one after another. */
import { setTimeout as delay } from 'node:timers/promises';
import { mediaPlaylistUris, readMediaPlaylist } from '../helpers/broadcast-download.ts';

/** What a viewer got. */
export interface Viewed {
  /** Objects fetched, and their bytes. */
  segments: number;
  bytes: number;
  /** Numbers between two that were listed, and never listed themselves. */
  missing: number;
  /** Times a playlist's newest number was lower than before. */
  steppedBack: number;
  /** Answers that were not 200, by what was asked and their status. */
  readonly refused: Map<string, number>;
}

/** A playlist may be late by this much before a broadcast has begun. */
const LIVE_EDGE = 6;

/** Where to look, and how often. */
export interface ViewerOptions {
  readonly edge: string;
  readonly channel: string;
  /** Real milliseconds between two looks at the playlists. */
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

/** See the head of this file. */
export class Viewer {
  readonly viewed: Viewed = {
    segments: 0,
    bytes: 0,
    missing: 0,
    steppedBack: 0,
    refused: new Map(),
  };
  readonly #options: ViewerOptions;
  /** Newest number fetched, by the URL of its media playlist. */
  #newest = new Map<string, number>();

  constructor(options: ViewerOptions) {
    this.#options = options;
  }

  /** Watches until told to stop. */
  async watch(): Promise<void> {
    const { edge, channel, everyMs, signal } = this.#options;
    const master = `${edge}/live/${channel}/index.m3u8`;
    while (!signal.aborted) {
      const began = performance.now();
      const text = await this.#get(master, 'multivariant playlist');
      await this.#get(`${edge}/live/${channel}/index.mpd`, 'manifest');
      await this.#get(`${edge}/time`, 'clock');
      const uris = text === undefined ? [] : mediaPlaylistUris(text.toString('utf8'));
      const urls = uris.map((uri) => new URL(uri, master).href);
      // A new broadcast has other playlists; the old ones are watched no more.
      this.#newest = new Map([...this.#newest].filter(([url]) => urls.includes(url)));
      for (const url of urls) {
        await this.#follow(url);
      }
      await delay(Math.max(0, everyMs - (performance.now() - began)), undefined, { signal }).catch(
        () => undefined,
      );
    }
  }

  async #follow(url: string): Promise<void> {
    const text = await this.#get(url, 'media playlist');
    if (text === undefined) {
      return;
    }
    const { segments, maps } = readMediaPlaylist(text.toString('utf8'));
    const listed = segments.map(({ uri }) => ({ uri, n: Number.parseInt(uri, 10) }));
    const newest = listed.at(-1)?.n;
    if (newest === undefined) {
      return;
    }
    const known = this.#newest.get(url);
    if (known === undefined) {
      for (const map of maps) {
        await this.#get(new URL(map, url).href, 'init segment');
      }
    } else if (newest < known) {
      this.viewed.steppedBack += 1;
    }
    let last = known ?? newest - LIVE_EDGE;
    let isFirst = known === undefined;
    for (const { uri, n } of listed.filter((segment) => segment.n > last)) {
      // Before the first there is nothing to miss.
      this.viewed.missing += isFirst ? 0 : n - last - 1;
      isFirst = false;
      last = n;
      if ((await this.#get(new URL(uri, url).href, 'segment')) !== undefined) {
        this.viewed.segments += 1;
      }
    }
    this.#newest.set(url, Math.max(last, known ?? last));
  }

  async #get(url: string, what: string): Promise<Buffer | undefined> {
    try {
      const response = await fetch(url, { signal: this.#options.signal });
      const body = Buffer.from(await response.arrayBuffer());
      this.viewed.bytes += body.length;
      if (response.status === 200) {
        return body;
      }
      this.#refuse(`${what} ${response.status}`);
    } catch {
      if (!this.#options.signal.aborted) {
        this.#refuse(`${what} without an answer`);
      }
    }
    return undefined;
  }

  #refuse(what: string): void {
    this.viewed.refused.set(what, (this.viewed.refused.get(what) ?? 0) + 1);
  }
}
