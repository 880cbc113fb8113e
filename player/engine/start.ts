/**
 * Our own engine, for channels whose segments can be read while they grow. Two tracks are fetched as they grow and appended
 * fragment by fragment; media time is the grid's, and playback is held at a distance from the shared clock, so that all
 * viewers of a channel see the same picture at the same moment.
 */
import type { Engine, EngineOptions, Quality } from '../engine.ts';
import { Congestion } from './congestion.ts';
import { Distance } from './distance.ts';
import {
  fragmentEnd,
  parseManifest,
  segmentAt,
  segmentSeconds,
  timeOf,
  type Manifest,
  type Track,
} from './manifest.ts';
import { paceOf } from './pace.ts';
import { RenditionChoice, type Situation } from './rendition-choice.ts';
import { Throughput } from './throughput.ts';
import { createTrackBuffer, type TrackBuffer } from './track-buffer.ts';
import { TrackReader, type Arrived } from './track-reader.ts';

const VERSION = '1';
const TICK_MS = 50;
const MANIFEST_MS = 2_000;
const RETRY_MS = 300;
/** After so many seconds without what is needed the page takes over. */
const PATIENCE = 20;
/** From a fragment's arrival to its picture: appending, decoding, and what Chromium wants in hand to go on with sound. */
const MARGIN = 0.1;
/** Lateness that is taken for granted before any has been seen. */
const FIRST_LATENESS = 0.4;
/** Seconds of media in hand beyond which nothing is asked for. */
const AHEAD = 12;
const KEPT_BEHIND = 30;
/** Whoever is less behind when he plays on is taken to where live is; others stay where they were. */
const LIVE_TOLERANCE = 4;
/** Playback that stands for so long with something to play is woken by a seek. */
const STUCK = 0.2;
const WAKE_AGAIN = 0.6;
/** No time of ours is later: ten years of the grid. */
const FOR_EVER = 10 * 365 * 86_400;

const qualityOf = ({ id, width, height, bandwidthBps }: Track): Quality => ({
  id,
  width,
  height,
  bitrateBps: bandwidthBps,
});

const delay = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Whether this browser has what it needs. */
export const isOwnEngineSupported = (): boolean => 'MediaSource' in globalThis;

/** Starts it on the element. */
export function startOwnEngine(options: EngineOptions): Engine {
  const engine = new OwnEngine(options);
  void engine.start();
  return engine;
}

/** The stretch of media that holds a time. */
function rangeAt(ranges: TimeRanges, time: number): { start: number; end: number } | undefined {
  for (let index = 0; index < ranges.length; index += 1) {
    if (ranges.start(index) <= time && time < ranges.end(index)) {
      return { start: ranges.start(index), end: ranges.end(index) };
    }
  }
  return undefined;
}

/** Where media begins after a time. */
function startAfter(ranges: TimeRanges, time: number): number | undefined {
  for (let index = 0; index < ranges.length; index += 1) {
    if (ranges.start(index) > time) {
      return ranges.start(index);
    }
  }
  return undefined;
}

/** What there is once the manifest is known. */
interface Playing {
  readonly source: MediaSource;
  readonly picture: TrackBuffer;
  readonly sound: TrackBuffer | undefined;
  readonly pictures: TrackReader;
  readonly sounds: TrackReader | undefined;
  readonly choice: RenditionChoice;
  readonly distance: Distance;
}

class OwnEngine implements Engine {
  readonly name = 'engine' as const;
  readonly version = VERSION;
  readonly #options: EngineOptions;
  readonly #stop = new AbortController();
  readonly #throughput = new Throughput();
  readonly #congestion = new Congestion();
  readonly #inits = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  readonly #readyInits = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Rendition of each segment in hand. */
  readonly #fetched = new Map<number, string>();
  #manifest: Manifest | undefined;
  #playing: Playing | undefined;
  #chosen: string | undefined;
  #isLive = true;
  /** Where playback is to begin once there is something to play; `live` where the clock says. */
  #wanted: number | 'live' | undefined = 'live';
  #stuckSince: number | undefined;
  #wokenAt = 0;
  #hasEnded = false;
  #wasPausedHidden = false;
  #url: string | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  qualities(): readonly Quality[] {
    return this.#manifest?.pictures.map(qualityOf) ?? [];
  }

  playing(): Quality | undefined {
    const manifest = this.#manifest;
    const id = manifest && this.#fetched.get(segmentAt(manifest, this.#options.video.currentTime));
    const track = manifest?.pictures.find((picture) => picture.id === id);
    return track && qualityOf(track);
  }

  chosen(): string | undefined {
    return this.#chosen;
  }

  choose(id: string | undefined): void {
    this.#chosen = id;
    if (id !== undefined && this.#playing !== undefined) {
      this.#playing.choice.current = id;
    }
    this.#options.events.onQualities();
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
    const live = this.livePosition();
    if (live === undefined || this.#playing === undefined) {
      return;
    }
    this.#isLive = !this.#hasEnded && time > live - LIVE_TOLERANCE / 2;
    const target = this.#isLive ? live : time;
    const { video } = this.#options;
    if (rangeAt(video.buffered, target) === undefined) {
      this.#restart(target);
    } else {
      this.#wanted = undefined;
      video.currentTime = target;
      video.playbackRate = 1;
    }
  }

  livePosition(): number | undefined {
    const manifest = this.#manifest;
    if (manifest === undefined || this.#playing === undefined) {
      return undefined;
    }
    const live = this.#now() - this.#playing.distance.value;
    const end = manifest.last === undefined ? live : timeOf(manifest, manifest.last + 1);
    return Math.max(timeOf(manifest, manifest.first), Math.min(live, end));
  }

  pictureTime(): number | undefined {
    return this.#playing === undefined || this.#wanted !== undefined
      ? undefined
      : this.#options.video.currentTime * 1000;
  }

  bandwidth(): number | undefined {
    return this.#throughput.bitsPerSecond;
  }

  destroy(): void {
    this.#stop.abort();
    this.#playing?.pictures.stop();
    this.#playing?.sounds?.stop();
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
    try {
      // The browser opens its side while the manifest is on its way.
      const [manifest, source] = await Promise.all([this.#firstManifest(), this.#openSource()]);
      if (this.#stop.signal.aborted) {
        return;
      }
      const pictures = manifest.pictures.filter(({ type }) => MediaSource.isTypeSupported(type));
      const { sound } = manifest;
      if (
        pictures.length === 0 ||
        (sound !== undefined && !MediaSource.isTypeSupported(sound.type))
      ) {
        events.onUnsupported(pictures.length === 0 ? 'no picture it can decode' : 'sound');
        return;
      }
      this.#manifest = { ...manifest, pictures };
      this.#play(source, this.#manifest);
      events.onQualities();
      void this.#followManifest();
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        events.onFailed(error instanceof Error ? error.message : 'engine did not start');
      }
    }
  }

  /** Seconds of the shared clock. */
  #now(): number {
    return this.#options.now() / 1000;
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

  /** An object that is not media that grows, from whichever edge answers. */
  async #get(path: string): Promise<Response> {
    const { edges } = this.#options;
    const { signal } = this.#stop;
    const began = performance.now();
    for (;;) {
      const url = edges.locate(path);
      const onAnswer = edges.watch(url);
      let reason = '';
      try {
        const response = await fetch(url, { signal });
        onAnswer();
        if (response.ok) {
          return response;
        }
        reason = `status ${response.status}`;
        if (response.status === 502) {
          edges.failed(url);
        }
      } catch (error) {
        onAnswer();
        signal.throwIfAborted();
        reason = error instanceof Error ? error.message : '';
        edges.suspect(url);
      }
      if (performance.now() - began > PATIENCE * 1000) {
        throw new Error(`${path}: ${reason}`);
      }
      await delay(RETRY_MS);
    }
  }

  /** A broadcast's first manifests may know of no init segment yet. */
  async #firstManifest(): Promise<Manifest> {
    const began = performance.now();
    for (;;) {
      const response = await this.#get(`${this.#options.presentation}.mpd`);
      try {
        return parseManifest(await response.text());
      } catch (error) {
        if (performance.now() - began > PATIENCE * 1000) {
          throw error;
        }
        await delay(RETRY_MS);
      }
    }
  }

  async #followManifest(): Promise<void> {
    while (!this.#stop.signal.aborted && !this.#hasEnded) {
      await delay(MANIFEST_MS);
      await this.#reloadManifest().catch(() => undefined);
    }
  }

  async #reloadManifest(): Promise<void> {
    const known = this.#manifest;
    const playing = this.#playing;
    if (known === undefined || playing === undefined) {
      return;
    }
    const response = await this.#get(`${this.#options.presentation}.mpd`);
    const read = parseManifest(await response.text());
    if (read.first !== known.first) {
      // Another broadcast has taken its place: this one has ended where it is.
      this.#end({ ...known, last: playing.pictures.n - 1 });
      return;
    }
    const pictures = read.pictures.filter(({ type }) => MediaSource.isTypeSupported(type));
    this.#manifest = { ...read, pictures: pictures.length === 0 ? known.pictures : pictures };
    if (pictures.map(({ id }) => id).join(' ') !== known.pictures.map(({ id }) => id).join(' ')) {
      this.#options.events.onQualities();
    }
    if (read.last !== undefined) {
      this.#end(this.#manifest);
    }
  }

  #end(manifest: Manifest): void {
    this.#manifest = manifest;
    if (!this.#hasEnded) {
      this.#hasEnded = true;
      this.#isLive = false;
      this.#options.video.playbackRate = 1;
      this.#options.events.onEnded();
    }
  }

  #play(source: MediaSource, manifest: Manifest): void {
    const { video, presentation } = this.#options;
    const { signal } = this.#stop;
    const seconds = segmentSeconds(manifest);
    const fragment = seconds / manifest.fragments;
    const begin = timeOf(manifest, manifest.first);
    source.duration = Number.POSITIVE_INFINITY;
    // Without it the element seeks no further than what is buffered.
    source.setLiveSeekableRange(begin, begin + FOR_EVER);
    const bufferOf = ({ type }: Track): TrackBuffer => {
      const buffer: TrackBuffer = createTrackBuffer(
        source.addSourceBuffer(type),
        () => {
          this.#tick();
        },
        () => {
          buffer.remove(0, Math.max(0.001, video.currentTime - 2));
        },
      );
      return buffer;
    };
    const [best] = manifest.pictures;
    if (best === undefined) {
      throw new RangeError('no picture');
    }
    const distance = new Distance({
      margin: MARGIN,
      fragment,
      first: FIRST_LATENESS + fragment + MARGIN,
    });
    const choice = new RenditionChoice(
      manifest.pictures.map(({ id, bandwidthBps, width, height }) => ({
        id,
        bandwidthBps,
        height: Math.min(width, height),
      })),
      manifest.sound?.bandwidthBps ?? 0,
      this.#situation(),
    );
    const folder = presentation.replace(/[^/]*$/, '');
    const common = {
      edges: this.#options.edges,
      fetch: (url: string, init: { readonly signal: AbortSignal }) => fetch(url, init),
      now: () => this.#now(),
      urlOf: (rendition: string, n: number) => `${folder}${rendition}/${n}.m4s`,
      dueAt: (n: number, k: number) =>
        fragmentEnd(manifest, n, k) + (distance.usual ?? FIRST_LATENESS),
      mayOpen: (n: number) => this.#mayOpen(n),
      onTrouble: (waited: number, reason: string) => {
        if (waited > PATIENCE) {
          this.#options.events.onFailed(reason);
        }
      },
      delay,
    };
    const picture = bufferOf(best);
    const sound = manifest.sound && bufferOf(manifest.sound);
    const pictures = new TrackReader({
      ...common,
      choose: () => this.#chosen ?? choice.next(this.#situation()),
      prepare: (rendition) => this.#prepare(rendition),
      onChunk: (bytes, isHalf) => {
        this.#congestion.chunk({ at: this.#now(), bytes, isHalf });
      },
      onBurst: (burst) => {
        this.#throughput.note(burst);
      },
      onMissing: (n, rendition) => {
        void this.#onMissing(n, rendition);
      },
      onFragment: (arrived) => {
        this.#fetched.set(arrived.n, arrived.rendition);
        const ended = fragmentEnd(manifest, arrived.n, arrived.k);
        const late = arrived.at - ended - (distance.usual ?? arrived.at - ended);
        this.#congestion.fragment(arrived.at, late);
        this.#take(picture, arrived, ended);
      },
    });
    const soundId = manifest.sound?.id ?? '';
    const sounds =
      sound &&
      new TrackReader({
        ...common,
        choose: () => soundId,
        prepare: (rendition) => this.#prepare(rendition),
        onChunk: () => undefined,
        onBurst: () => undefined,
        onMissing: () => undefined,
        onFragment: (arrived) => {
          this.#take(sound, arrived, fragmentEnd(manifest, arrived.n, arrived.k));
        },
      });
    this.#playing = { source, picture, sound, pictures, sounds, choice, distance };
    for (const { id } of [...manifest.pictures, ...(manifest.sound ? [manifest.sound] : [])]) {
      this.#prepare(id).catch(() => undefined);
    }
    this.#restart('live');
    const timer = setInterval(() => {
      this.#tick();
    }, TICK_MS);
    signal.addEventListener('abort', () => {
      clearInterval(timer);
    });
    video.addEventListener(
      'pause',
      () => {
        this.#wasPausedHidden = document.visibilityState === 'hidden';
      },
      { signal },
    );
    video.addEventListener(
      'play',
      () => {
        this.#onPlay();
      },
      { signal },
    );
  }

  #situation(): Situation {
    const { video } = this.#options;
    const now = this.#now();
    return {
      now,
      throughputBps: this.#throughput.bitsPerSecond,
      late: this.#congestion.late(now),
      screenHeight: Math.min(video.clientWidth, video.clientHeight) * devicePixelRatio || Infinity,
    };
  }

  #mayOpen(n: number): boolean {
    const manifest = this.#manifest;
    if (manifest === undefined || (manifest.last !== undefined && n > manifest.last)) {
      return false;
    }
    const { video } = this.#options;
    const position = this.#wanted === undefined ? video.currentTime : this.#start();
    const begin = timeOf(manifest, n);
    // One ahead of what is being made is held for; another would be refused.
    return begin < position + AHEAD && begin < this.#now() + segmentSeconds(manifest);
  }

  /** Where playback begins. */
  #start(): number {
    const live = this.livePosition() ?? 0;
    return this.#wanted === 'live' || this.#wanted === undefined ? live : this.#wanted;
  }

  #prepare(rendition: string): Promise<void> {
    const known = this.#inits.get(rendition);
    const folder = this.#options.presentation.replace(/[^/]*$/, '');
    const track = [...(this.#manifest?.pictures ?? []), this.#manifest?.sound].find(
      (item) => item?.id === rendition,
    );
    if (known === undefined && track === undefined) {
      return Promise.reject(new Error(`no rendition ${rendition}`));
    }
    const init =
      known ??
      this.#get(`${folder}${track?.init ?? ''}`).then(
        async (response) => new Uint8Array(await response.arrayBuffer()),
      );
    this.#inits.set(rendition, init);
    return init.then(
      (bytes) => {
        this.#readyInits.set(rendition, bytes);
      },
      (error: unknown) => {
        this.#inits.delete(rendition);
        throw error;
      },
    );
  }

  #take(buffer: TrackBuffer, { rendition, bytes, at, listening }: Arrived, ended: number): void {
    const init = this.#readyInits.get(rendition);
    if (init === undefined) {
      return;
    }
    // What was there before it was listened for tells nothing of how late fragments come.
    if (listening < ended) {
      this.#playing?.distance.note({ ended, at });
    }
    buffer.append(bytes, init);
  }

  /** Reads and plays from a time on, whatever was in hand. */
  #restart(from: number | 'live'): void {
    const playing = this.#playing;
    const manifest = this.#manifest;
    if (playing === undefined || manifest === undefined) {
      return;
    }
    this.#wanted = this.#isLive ? 'live' : from;
    const n = Math.max(manifest.first, segmentAt(manifest, this.#start()));
    playing.picture.clear();
    playing.sound?.clear();
    this.#fetched.clear();
    this.#congestion.forget();
    playing.pictures.start(n);
    playing.sounds?.start(n);
  }

  /** The edge knows of no such segment: the rendition may not be made any more, or the broadcast be over. */
  async #onMissing(n: number, rendition: string): Promise<void> {
    await this.#reloadManifest().catch(() => undefined);
    const playing = this.#playing;
    const pictures = this.#manifest?.pictures ?? [];
    if (playing === undefined || pictures.some(({ id }) => id === rendition)) {
      return;
    }
    const other = pictures.at(-1);
    if (other !== undefined && playing.pictures.n === n) {
      this.#chosen = undefined;
      playing.choice.current = other.id;
      playing.pictures.start(n);
    }
  }

  #onPlay(): void {
    const { video } = this.#options;
    const live = this.livePosition();
    if (live === undefined || !this.#isLive || this.#wanted !== undefined) {
      return;
    }
    if (live - video.currentTime > LIVE_TOLERANCE && !this.#wasPausedHidden) {
      this.#isLive = false;
    }
  }

  #tick(): void {
    const playing = this.#playing;
    const manifest = this.#manifest;
    if (playing === undefined || manifest === undefined) {
      return;
    }
    playing.pictures.look();
    playing.sounds?.look();
    this.#begin();
    this.#keepPace(playing, manifest);
    this.#wake();
    this.#escape(playing, manifest);
    this.#letGo(playing, manifest);
    this.#finish(playing, manifest);
  }

  /** Goes to where playback begins, once there is something to play. */
  #begin(): void {
    const { video } = this.#options;
    if (this.#wanted === undefined || video.readyState < HTMLMediaElement.HAVE_METADATA) {
      return;
    }
    const start = this.#start();
    const range = rangeAt(video.buffered, start);
    const later = startAfter(video.buffered, start);
    if (range !== undefined) {
      video.currentTime = start;
    } else if (later !== undefined && later - start < 0.1) {
      video.currentTime = later;
    } else {
      return;
    }
    video.playbackRate = 1;
    this.#wanted = undefined;
    this.#stuckSince = undefined;
  }

  #keepPace(playing: Playing, manifest: Manifest): void {
    const { video } = this.#options;
    if (!this.#isLive || this.#wanted !== undefined || video.paused || video.seeking) {
      return;
    }
    const target = this.#now() - playing.distance.value;
    const range = rangeAt(video.buffered, target);
    const ahead = range === undefined ? 0 : range.end - target;
    const pace = paceOf(target - video.currentTime, video.playbackRate, ahead);
    if (pace.kind === 'jump') {
      video.currentTime = target;
      video.playbackRate = 1;
    } else if (pace.rate !== video.playbackRate) {
      video.playbackRate = pace.rate;
    }
    // What is read is no longer of use: where live is cannot be reached by reading on.
    if (playing.pictures.n < segmentAt(manifest, target) - 1) {
      this.#restart('live');
    }
  }

  /** Playback that stands although there is something to play: behind a hole, or before a start point that came late. */
  #wake(): void {
    const { video } = this.#options;
    const now = this.#now();
    const stands =
      !video.paused &&
      !video.ended &&
      this.#wanted === undefined &&
      video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    if (!stands) {
      this.#stuckSince = undefined;
      return;
    }
    this.#stuckSince ??= now;
    if (now - this.#stuckSince < STUCK || now - this.#wokenAt < WAKE_AGAIN) {
      return;
    }
    const range = rangeAt(video.buffered, video.currentTime);
    const isEnough = range !== undefined && range.end - video.currentTime > MARGIN;
    const later = startAfter(video.buffered, video.currentTime);
    if (isEnough) {
      video.currentTime += 0.001;
    } else if (later !== undefined && later <= (this.livePosition() ?? later) + MARGIN) {
      video.currentTime = later + 0.001;
    } else {
      return;
    }
    this.#wokenAt = now;
  }

  /** Leaves a rendition that the network does not carry: from this segment's beginning again, or with the next, whichever shows a picture sooner. */
  #escape(playing: Playing, manifest: Manifest): void {
    const { pictures, choice } = playing;
    const { video } = this.#options;
    const situation = this.#situation();
    if (!this.#isLive || this.#chosen !== undefined || !choice.isFailing(situation)) {
      return;
    }
    const flow = this.#congestion.flow(situation.now) ?? 0;
    const id = choice.fail({ ...situation, throughputBps: flow });
    const rate = manifest.pictures.find((picture) => picture.id === id)?.bandwidthBps ?? 0;
    const { n } = pictures;
    const again = Math.max(0, video.currentTime - timeOf(manifest, n)) * (rate / Math.max(1, flow));
    const next = timeOf(manifest, n + 1) - situation.now + (playing.distance.usual ?? 0);
    this.#congestion.forget();
    pictures.start(again < next ? n : n + 1);
  }

  #letGo(playing: Playing, manifest: Manifest): void {
    const { video } = this.#options;
    const until = video.currentTime - KEPT_BEHIND;
    for (const buffer of [playing.picture, playing.sound]) {
      const ranges = buffer?.ranges();
      if (
        buffer?.isIdle() === true &&
        ranges !== undefined &&
        ranges.length > 0 &&
        ranges.start(0) < until - segmentSeconds(manifest) * 5
      ) {
        buffer.remove(0, until);
      }
    }
    const oldest = segmentAt(manifest, until) - 10;
    for (const n of this.#fetched.keys()) {
      if (n < oldest) {
        this.#fetched.delete(n);
      }
    }
  }

  #finish({ source, picture, sound, pictures, sounds }: Playing, { last }: Manifest): void {
    const isRead = last !== undefined && pictures.n > last && (sounds?.n ?? last + 1) > last;
    if (isRead && picture.isIdle() && sound?.isIdle() !== false && source.readyState === 'open') {
      source.endOfStream();
    }
  }
}
