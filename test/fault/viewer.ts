/**
 * A viewer who misses nothing: reads every playlist and the MPD through the edge again and again, fetches every object
 * as soon as it is listed, asks for numbers that are about to be, and remembers whatever a player would stumble over.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { mediaPlaylistUris, readMediaPlaylist } from '../helpers/broadcast-download.ts';

const EVERY_MS = 250;
/** A held request is answered within four segments. */
const REQUEST_MS = 12_000;
/** Numbers beyond the newest that players may ask for. */
const AHEAD = 2;

/** What a viewer has seen. */
export interface Seen {
  /** `<kind> <status>` to how often; connections that failed count as status 0. */
  readonly answers: ReadonlyMap<string, number>;
  /** Paths answered with 404, with the number asked for if it was a segment. */
  readonly notFound: readonly { readonly path: string; readonly n: number | undefined }[];
  /** Sentences: a playlist or manifest that stepped back, an object that changed. */
  readonly complaints: readonly string[];
  /** Path to SHA-256 of every segment and init segment fetched. */
  readonly objects: ReadonlyMap<string, string>;
  /** When a number was first listed by the first rendition, wall clock. */
  readonly listedAt: ReadonlyMap<number, number>;
}

interface PlaylistState {
  readonly sequence: number;
  readonly last: number;
  readonly isEnded: boolean;
}

type Kind = 'playlist' | 'manifest' | 'segment' | 'init' | 'ahead';

/** See the head of this file. */
export class Viewer {
  readonly #edge: string;
  readonly #channel: string;
  readonly #stopped = new AbortController();
  readonly #answers = new Map<string, number>();
  readonly #notFound: { path: string; n: number | undefined }[] = [];
  readonly #complaints: string[] = [];
  readonly #objects = new Map<string, string>();
  readonly #listedAt = new Map<number, number>();
  readonly #playlists = new Map<string, PlaylistState>();
  readonly #asked = new Set<string>();
  readonly #fetching = new Set<Promise<void>>();
  #publishTime = '';
  #running: Promise<unknown>;

  constructor(edge: string, channel: string) {
    this.#edge = edge;
    this.#channel = channel;
    this.#running = Promise.all([
      this.#loop(() => this.#watchHls()),
      this.#loop(() => this.#watchDash()),
    ]);
  }

  /** What has been seen so far. */
  get seen(): Seen {
    return {
      answers: this.#answers,
      notFound: this.#notFound,
      complaints: this.#complaints,
      objects: this.#objects,
      listedAt: this.#listedAt,
    };
  }

  /** Resolves when everything asked for is answered. */
  async stop(): Promise<Seen> {
    this.#stopped.abort();
    await this.#running;
    await Promise.all(this.#fetching);
    return this.seen;
  }

  async #loop(look: () => Promise<void>): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await look();
      await delay(EVERY_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    }
  }

  async #watchHls(): Promise<void> {
    const path = `/live/${this.#channel}/index.m3u8`;
    const master = await this.#get('playlist', path);
    if (master === undefined) {
      return;
    }
    const uris = mediaPlaylistUris(master.toString('utf8'));
    await Promise.all(
      uris.map(async (uri, at) => {
        const media = new URL(uri, `${this.#edge}${path}`).pathname;
        const body = await this.#get('playlist', media);
        if (body !== undefined) {
          this.#takePlaylist(media, body.toString('utf8'), at === 0);
        }
      }),
    );
  }

  #takePlaylist(path: string, text: string, isFirst: boolean): void {
    const { maps, segments, isEnded } = readMediaPlaylist(text);
    const sequence = Number(/^#EXT-X-MEDIA-SEQUENCE:(\d+)/m.exec(text)?.[1] ?? 0);
    const last = sequence + segments.length - 1;
    const before = this.#playlists.get(path);
    this.#playlists.set(path, { sequence, last, isEnded });
    if (before !== undefined) {
      const isBack =
        sequence < before.sequence || last < before.last || (before.isEnded && !isEnded);
      if (isBack) {
        const was = `${before.sequence}..${before.last}${before.isEnded ? ' ended' : ''}`;
        this.#complaints.push(`${path} stepped back from ${was} to ${sequence}..${last}`);
      }
    }
    for (const map of maps) {
      this.#once('init', new URL(map, `${this.#edge}${path}`).pathname);
    }
    for (const { uri } of segments) {
      const target = new URL(uri, `${this.#edge}${path}`).pathname;
      const n = numberOf(target);
      if (isFirst && n !== undefined && !this.#listedAt.has(n)) {
        this.#listedAt.set(n, Date.now());
      }
      this.#once('segment', target);
    }
    if (isFirst && !isEnded && segments.length > 0) {
      for (let n = last + 1; n <= last + AHEAD; n += 1) {
        this.#once('ahead', path.replace(/\d+\.m3u8$/, `${n}.m4s`));
      }
    }
  }

  async #watchDash(): Promise<void> {
    const body = await this.#get('manifest', `/live/${this.#channel}/index.mpd`);
    const time = body && /\bpublishTime="([^"]+)"/.exec(body.toString('utf8'))?.[1];
    if (time !== undefined && time < this.#publishTime) {
      this.#complaints.push(`MPD stepped back from ${this.#publishTime} to ${time}`);
    }
    this.#publishTime = time ?? this.#publishTime;
  }

  /** Fetches an object in the background, again until it is there. */
  #once(kind: 'segment' | 'init' | 'ahead', path: string): void {
    const key = `${kind} ${path}`;
    if (this.#asked.has(key)) {
      return;
    }
    this.#asked.add(key);
    const run = (async () => {
      for (;;) {
        const body = await this.#get(kind, path);
        if (body !== undefined) {
          this.#take(path, body);
          return;
        }
        if (kind === 'ahead' || this.#stopped.signal.aborted) {
          return;
        }
        await delay(EVERY_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      }
    })().finally(() => {
      this.#fetching.delete(run);
    });
    this.#fetching.add(run);
  }

  #take(path: string, body: Buffer): void {
    const hash = createHash('sha256').update(body).digest('hex');
    const before = this.#objects.get(path);
    if (before !== undefined && before !== hash) {
      this.#complaints.push(`${path} has changed`);
    }
    this.#objects.set(path, hash);
  }

  /** One request; undefined unless it is answered with 200 and a whole body. */
  async #get(kind: Kind, path: string): Promise<Buffer | undefined> {
    let status = 0;
    let body: Buffer | undefined;
    try {
      const response = await fetch(`${this.#edge}${path}`, {
        signal: AbortSignal.timeout(REQUEST_MS),
      });
      status = response.status;
      body = Buffer.from(await response.arrayBuffer());
    } catch {
      body = undefined;
    }
    const name = `${kind} ${body === undefined ? 0 : status}`;
    this.#answers.set(name, (this.#answers.get(name) ?? 0) + 1);
    if (status === 404) {
      this.#notFound.push({ path, n: numberOf(path) });
    }
    return status === 200 ? body : undefined;
  }
}

/** The number in a segment's path. */
export function numberOf(path: string): number | undefined {
  const found = /\/(\d+)\.m4s$/.exec(path)?.[1];
  return found === undefined ? undefined : Number(found);
}
