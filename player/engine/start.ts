/**
 * Our own engine, for channels whose segments can be read while they grow. Two tracks are fetched as they grow and appended
 * fragment by fragment; media time is the grid's, and playback is held at a distance from the shared clock, so that all
 * viewers of a channel see the same picture at the same moment.
 */
import type { Company } from '../company.ts';
import type { Engine, EngineOptions, Quality } from '../engine.ts';
import { Distance } from './distance.ts';
import { Inits } from './inits.ts';
import {
  fragmentEnd,
  parseManifest,
  segmentAt,
  segmentSeconds,
  timeOf,
  type MadeRendition,
  type Manifest,
} from './manifest.ts';
import { Playhead } from './playhead.ts';
import { Renditions } from './renditions.ts';
import { PATIENCE, delay, getFrom, insist, type Get } from './small-objects.ts';
import { createTrackBuffer } from './track-buffer.ts';
import { Track } from './track.ts';

const VERSION = '1';
const TICK_MS = 50;
const MANIFEST_MS = 2_000;
/** From a fragment's arrival to its picture: appending, decoding, and what Chromium wants in hand to go on with sound. */
const MARGIN = 0.1;
/** Lateness that is taken for granted before any has been seen. */
const FIRST_LATENESS = 0.4;
/** Seconds of media in hand beyond which nothing is asked for. */
const AHEAD = 12;
/** A segment's request is opened so long before it begins: longer than it is on its way, and no longer, for browsers have few connections to one host. */
const HELD_AHEAD = 0.5;
/** Segments that reading may be off where playback is to be, and how soon that is put right again. */
const ASTRAY = 3;
const ASTRAY_AGAIN = 5;
/** A broadcast's manifests are complete after so many seconds. */
const YOUNG = 5;
/** No time of ours is later: ten years of the grid. */
const FOR_EVER = 10 * 365 * 86_400;

const qualityOf = ({ id, width, height, bandwidthBps }: MadeRendition): Quality => ({
  id,
  width,
  height,
  bitrateBps: bandwidthBps,
});

/** What is left of a manifest for an engine that plays one track of it. */
function onlyTrack(manifest: Manifest, track: Company['track'] | undefined): Manifest {
  switch (track) {
    case 'picture':
      return { ...manifest, sound: undefined };
    case 'sound': {
      const { sound } = manifest;
      return { ...manifest, pictures: sound === undefined ? [] : [sound], sound: undefined };
    }
    case undefined:
      return manifest;
  }
}

/** Whether this browser has what it needs. */
export const isOwnEngineSupported = (): boolean =>
  'MediaSource' in globalThis && 'setLiveSeekableRange' in MediaSource.prototype;

/** Starts it on the element. */
export function startOwnEngine(options: EngineOptions): Engine {
  const engine = new OwnEngine(options);
  void engine.start();
  return engine;
}

/** What there is once the manifest is known. */
interface Playing {
  readonly source: MediaSource;
  readonly picture: Track;
  readonly sound: Track | undefined;
  readonly renditions: Renditions;
  readonly distance: Distance;
  readonly playhead: Playhead;
}

class OwnEngine implements Engine {
  readonly name = 'engine' as const;
  readonly version = VERSION;
  readonly #options: EngineOptions;
  readonly #stop = new AbortController();
  readonly #get: Get;
  readonly #inits: Inits;
  /** Where the manifest's relative addresses begin. */
  readonly #folder: string;
  #manifest: Manifest | undefined;
  #playing: Playing | undefined;
  #restartedAt = 0;
  #hasEnded = false;
  #url: string | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#folder = options.presentation.replace(/[^/]*$/, '');
    this.#get = getFrom(options.edges, this.#stop.signal);
    this.#inits = new Inits(this.#get, (rendition) => {
      const { pictures = [], sound } = this.#manifest ?? {};
      const made = [...pictures, sound].find((item) => item?.id === rendition);
      return made && `${this.#folder}${made.init}`;
    });
  }

  qualities(): readonly Quality[] {
    return this.#playing?.renditions.offered.map(qualityOf) ?? [];
  }

  playing(): Quality | undefined {
    const n = this.#manifest && segmentAt(this.#manifest, this.#options.video.currentTime);
    const made = n === undefined ? undefined : this.#playing?.renditions.of(n);
    return made && qualityOf(made);
  }

  chosen(): string | undefined {
    return this.#playing?.renditions.chosen;
  }

  choose(id: string | undefined): void {
    if (this.#playing !== undefined) {
      this.#playing.renditions.chosen = id;
      this.#options.events.onQualities();
    }
  }

  seekable(): { start: number; end: number } | undefined {
    const manifest = this.#manifest;
    const end = this.livePosition();
    if (manifest === undefined || end === undefined) {
      return undefined;
    }
    const start = Math.max(timeOf(manifest, manifest.first), end - manifest.windowSeconds);
    return { start: Math.min(start, end), end };
  }

  seek(time: number): void {
    if (this.#playing?.playhead.seek(time) === false) {
      this.#restart(this.#playing);
    }
  }

  livePosition(): number | undefined {
    return this.#playing && this.#live(this.#playing.distance);
  }

  pictureTime(): number | undefined {
    return this.#playing === undefined || this.#playing.playhead.isJoining
      ? undefined
      : this.#options.video.currentTime * 1000;
  }

  bandwidth(): number | undefined {
    return this.#playing?.renditions.bitsPerSecond;
  }

  destroy(): void {
    this.#stop.abort();
    this.#options.company?.leave();
    this.#playing?.picture.reader.stop();
    this.#playing?.sound?.reader.stop();
    this.#playing = undefined;
    const { video } = this.#options;
    video.playbackRate = 1;
    video.removeAttribute('src');
    video.load();
    if (this.#url !== undefined) {
      URL.revokeObjectURL(this.#url);
    }
  }

  /** Loads the manifest, and plays from there on. */
  async start(): Promise<void> {
    const { events } = this.#options;
    let known = this.#options.manifest;
    const readManifest = async (): Promise<Manifest> => {
      const text = await known;
      known = undefined;
      return text === undefined ? this.#readManifest() : this.#parse(text);
    };
    try {
      // The browser opens its side while the manifest is on its way.
      const [manifest, source] = await Promise.all([
        // A broadcast's first manifests may know of no init segment yet.
        insist(YOUNG, readManifest),
        this.#openSource(),
      ]);
      if (this.#stop.signal.aborted) {
        return;
      }
      if (manifest.pictures.length === 0) {
        events.onUnsupported('no picture it can decode');
        return;
      }
      if (manifest.sound !== undefined && !MediaSource.isTypeSupported(manifest.sound.type)) {
        events.onUnsupported('no sound it can decode');
        return;
      }
      this.#manifest = manifest;
      this.#play(source, manifest);
      events.onQualities();
      void this.#followManifest();
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        const reason = error instanceof Error ? error.message : 'engine did not start';
        // Said of a manifest that can be had and not be played from.
        if (error instanceof RangeError) {
          events.onUnsupported(reason);
        } else {
          events.onFailed(reason, true);
        }
      }
    }
  }

  /** Seconds of the shared clock. */
  #now(): number {
    return this.#options.now() / 1000;
  }

  /** Where whoever is live is to be. */
  #live(distance: Distance): number {
    const { company } = this.#options;
    const now = this.#now() - (company?.agree(distance.value) ?? distance.value);
    if (this.#manifest === undefined) {
      return now;
    }
    const { first, last } = this.#manifest;
    const end = last === undefined ? now : timeOf(this.#manifest, last + 1);
    return Math.max(timeOf(this.#manifest, first), Math.min(now, end));
  }

  async #openSource(): Promise<MediaSource> {
    const { video, events } = this.#options;
    const { signal } = this.#stop;
    const source = new MediaSource();
    const opened = new Promise<void>((resolve) => {
      source.addEventListener('sourceopen', () => {
        resolve();
      });
    });
    this.#url = URL.createObjectURL(source);
    video.src = this.#url;
    video.addEventListener(
      'error',
      () => {
        events.onFailed(`media error ${video.error?.code ?? 0}: ${video.error?.message ?? ''}`);
      },
      { signal },
    );
    video.addEventListener('resize', events.onQualities, { signal });
    await opened;
    return source;
  }

  async #readManifest(): Promise<Manifest> {
    const response = await this.#get(`${this.#options.presentation}.mpd`);
    return this.#parse(await response.text());
  }

  /** With those pictures only that this browser can decode; in company, with one track, which leads as pictures do. */
  #parse(text: string): Manifest {
    const manifest = onlyTrack(parseManifest(text), this.#options.company?.track);
    const pictures = manifest.pictures.filter(({ type }) => MediaSource.isTypeSupported(type));
    return { ...manifest, pictures };
  }

  async #followManifest(): Promise<void> {
    while (!this.#stop.signal.aborted && !this.#hasEnded) {
      await delay(MANIFEST_MS);
      await this.#reloadManifest();
    }
  }

  /** One that cannot be had or read leaves everything as it is. */
  async #reloadManifest(): Promise<void> {
    const read = await this.#readManifest().catch(() => undefined);
    const known = this.#manifest;
    const playing = this.#playing;
    if (read === undefined || known === undefined || playing === undefined || this.#hasEnded) {
      return;
    }
    if (read.first !== known.first) {
      // Another broadcast has taken its place: this one has ended where it is.
      this.#end(playing, { ...known, last: playing.picture.reader.n - 1 });
      return;
    }
    const pictures = read.pictures.length === 0 ? known.pictures : read.pictures;
    this.#manifest = { ...read, pictures };
    if (playing.renditions.offer(pictures)) {
      this.#leaveWithdrawn(playing);
      this.#options.events.onQualities();
    }
    if (read.last !== undefined) {
      this.#end(playing, this.#manifest);
    }
  }

  /** What is asked for of a rendition that is not made any more will never come; what has begun to come is finished. */
  #leaveWithdrawn({ picture: { reader }, renditions }: Playing): void {
    if (
      reader.rendition !== undefined &&
      !renditions.isOffered(reader.rendition) &&
      reader.k === 0
    ) {
      reader.start(reader.n);
    }
  }

  #end(playing: Playing, manifest: Manifest): void {
    this.#manifest = manifest;
    this.#hasEnded = true;
    playing.playhead.end();
    this.#options.events.onEnded();
  }

  #play(source: MediaSource, manifest: Manifest): void {
    const { video } = this.#options;
    const { signal } = this.#stop;
    const begin = timeOf(manifest, manifest.first);
    source.duration = Number.POSITIVE_INFINITY;
    // Without it the element seeks no further than what is buffered.
    source.setLiveSeekableRange(begin, begin + FOR_EVER);
    const fragment = segmentSeconds(manifest) / manifest.fragments;
    const distance = new Distance({
      margin: MARGIN,
      fragment,
      // Who joins others does not move them before he knows better.
      first: this.#options.company?.held() || FIRST_LATENESS + fragment + MARGIN,
      least: manifest.leastLatency,
    });
    const renditions = new Renditions(manifest.pictures, manifest.sound?.bandwidthBps ?? 0, {
      now: () => this.#now(),
      screenHeight: () =>
        Math.min(video.clientWidth, video.clientHeight) *
          devicePixelRatio *
          (this.#options.company?.detail() ?? 1) || Number.POSITIVE_INFINITY,
    });
    const playhead = new Playhead(
      {
        video,
        isHidden: () => document.visibilityState === 'hidden',
        now: () => this.#now(),
        live: () => this.#live(distance),
        margin: MARGIN,
        inCompany: this.#options.company?.track,
      },
      signal,
    );
    const parts = { source, distance, renditions, playhead };
    const picture = this.#pictureTrack(manifest, parts);
    const sound = manifest.sound && this.#soundTrack(manifest, manifest.sound, parts);
    const playing = { ...parts, picture, sound };
    this.#playing = playing;
    for (const { id } of [...manifest.pictures, ...(manifest.sound ? [manifest.sound] : [])]) {
      this.#inits.prepare(id).catch(() => undefined);
    }
    this.#restart(playing);
    const timer = setInterval(() => {
      this.#tick(playing);
    }, TICK_MS);
    signal.addEventListener('abort', () => {
      clearInterval(timer);
    });
  }

  #pictureTrack(manifest: Manifest, parts: Omit<Playing, 'picture' | 'sound'>): Track {
    const { distance, renditions } = parts;
    return this.#track('picture', manifest, parts, {
      type: manifest.pictures[0]?.type ?? '',
      choose: () => renditions.next(),
      onChunk: (bytes, isHalf) => {
        renditions.chunk(bytes, isHalf);
      },
      onBurst: (burst) => {
        renditions.burst(burst);
      },
      onMissing: (n, rendition) => {
        renditions.avoid(rendition);
        void this.#reloadManifest();
      },
      onFragment: ({ n, k, rendition, at }) => {
        const late = at - fragmentEnd(manifest, n, k);
        renditions.fragment(n, rendition, late - (distance.usual('picture') ?? late));
      },
    });
  }

  #soundTrack(
    manifest: Manifest,
    { id, type }: MadeRendition,
    parts: Omit<Playing, 'picture' | 'sound'>,
  ): Track {
    return this.#track('sound', manifest, parts, {
      type,
      choose: () => id,
      onChunk: () => undefined,
      onBurst: () => undefined,
      onMissing: () => void this.#reloadManifest(),
      onFragment: () => undefined,
    });
  }

  /** What both kinds of track have in common. */
  #track(
    kind: 'picture' | 'sound',
    manifest: Manifest,
    { source, distance, playhead }: Omit<Playing, 'picture' | 'sound'>,
    {
      type,
      onFragment,
      ...own
    }: { readonly type: string } & Pick<
      ConstructorParameters<typeof Track>[2],
      'choose' | 'onChunk' | 'onBurst' | 'onMissing' | 'onFragment'
    >,
  ): Track {
    const { video, edges, events } = this.#options;
    const buffer = createTrackBuffer(
      source.addSourceBuffer(type),
      () => {
        if (playhead.isJoining) {
          playhead.tick();
        }
      },
      () => video.currentTime,
    );
    return new Track(buffer, this.#inits, {
      ...own,
      edges,
      delay,
      fetch: (url, init) => fetch(url, init),
      now: () => this.#now(),
      urlOf: (rendition, n) => `${this.#folder}${rendition}/${n}.m4s`,
      dueAt: (n, k) => fragmentEnd(manifest, n, k) + (distance.usual(kind) ?? FIRST_LATENESS),
      mayOpen: (n) => this.#mayOpen(playhead, n),
      onTrouble: (waited, reason) => {
        if (waited > PATIENCE) {
          events.onFailed(reason, true);
        }
      },
      onFragment: (arrived) => {
        const ended = fragmentEnd(manifest, arrived.n, arrived.k);
        // What was there before it was waited for tells nothing of how late fragments come.
        if (arrived.since < ended || arrived.isAwaited) {
          distance.note(kind, { ended, at: arrived.at });
        }
        onFragment(arrived);
      },
    });
  }

  #mayOpen(playhead: Playhead, n: number): boolean {
    const manifest = this.#manifest;
    if (manifest === undefined || (manifest.last !== undefined && n > manifest.last)) {
      return false;
    }
    const begin = timeOf(manifest, n);
    // One that does not grow is there after its end: asked for at its beginning it would be further ahead than requests are held.
    const first = manifest.fragments === 1 ? timeOf(manifest, n + 1) : begin;
    return begin < playhead.position + AHEAD && first < this.#now() + HELD_AHEAD;
  }

  /** Reads from where playback is, or is to be, whatever was in hand. */
  #restart({ playhead, renditions, picture, sound }: Playing): void {
    const manifest = this.#manifest;
    if (manifest === undefined) {
      return;
    }
    this.#restartedAt = this.#now();
    playhead.rejoin();
    renditions.forget();
    const n = Math.max(manifest.first, segmentAt(manifest, playhead.position));
    picture.restart(n);
    sound?.restart(n);
  }

  #tick(playing: Playing): void {
    const { picture, sound, playhead } = playing;
    for (const { reader, buffer } of sound === undefined ? [picture] : [picture, sound]) {
      reader.look();
      buffer.look();
    }
    playhead.tick();
    this.#escape(playing);
    this.#returnFromAstray(playing);
    this.#finish(playing);
  }

  /** Leaves a rendition that the network does not carry: from this segment's beginning again, or with the next, whichever shows a picture sooner. */
  #escape({ renditions, picture: { reader }, distance, playhead }: Playing): void {
    const manifest = this.#manifest;
    const escape = manifest && playhead.isLive ? renditions.escape() : undefined;
    if (manifest === undefined || escape === undefined) {
      return;
    }
    const { rendition, flowBps } = escape;
    const { n } = reader;
    const played = Math.max(0, playhead.position - timeOf(manifest, n));
    const again = played * (rendition.bandwidthBps / Math.max(1, flowBps));
    const next = timeOf(manifest, n + 1) - this.#now() + (distance.usual('picture') ?? 0);
    reader.start(again < next ? n : n + 1);
  }

  /** After a long break, or when the clock was put right, where live is cannot be reached by reading on. */
  #returnFromAstray(playing: Playing): void {
    const manifest = this.#manifest;
    const { picture, sound, playhead } = playing;
    const now = this.#now();
    if (
      manifest === undefined ||
      !playhead.isLive ||
      this.#options.video.paused ||
      now - this.#restartedAt < ASTRAY_AGAIN
    ) {
      return;
    }
    const n = segmentAt(manifest, this.#live(playing.distance));
    const isAstray = [picture, sound].some(
      (track) => track !== undefined && Math.abs(track.reader.n - n) > ASTRAY,
    );
    if (isAstray) {
      playing.distance.forget();
      this.#restart(playing);
    }
  }

  #finish({ source, picture, sound }: Playing): void {
    const last = this.#manifest?.last;
    const isDone = ({ reader, buffer }: Track): boolean =>
      last !== undefined && reader.n > last && buffer.isIdle();
    if (source.readyState === 'open' && isDone(picture) && (sound === undefined || isDone(sound))) {
      source.endOfStream();
    }
  }
}
